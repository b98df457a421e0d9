-- Payouts and lines of one pool, currency and amount that no name has matched, and that lie near
-- enough to belong together. Where an account's lines of Stripe carry its marker, a line without it
-- is a hit by amount alone (`is_eligible` is false): it may be looked at, never matched.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

by_identifier as (

    select * from {{ ref('int_bank_matches_by_identifier') }}

),

taken_payouts as (

    select
        account_id,
        payout_id
    from by_hand
    union
    select
        account_id,
        payout_id
    from by_identifier

),

taken_lines as (

    select bank_statement_line_id from by_hand
    union
    select bank_statement_line_id from by_identifier

),

open_payouts as (

    select payouts.*
    from payouts
    left join taken_payouts
        on
            payouts.account_id = taken_payouts.account_id
            and payouts.payout_id = taken_payouts.payout_id
    where
        taken_payouts.payout_id is null
        and payouts.bank_pool_id is not null
        and not payouts.is_never_at_bank

),

open_lines as (

    select lines.*
    from lines
    left join taken_lines on lines.bank_statement_line_id = taken_lines.bank_statement_line_id
    where
        taken_lines.bank_statement_line_id is null
        and lines.is_booked
        and not lines.is_ignored

),

hits as (

    select
        open_payouts.account_id,
        open_payouts.payout_id,
        open_payouts.bank_pool_id,
        open_payouts.currency,
        open_payouts.payout_amount_minor,
        open_payouts.expected_arrival_date,
        open_payouts.destination_id,
        open_payouts.payout_status,
        open_payouts.failed_date,
        open_lines.bank_statement_line_id,
        open_lines.bank_account_id,
        open_lines.posted_date,
        open_lines.is_marked
    from open_payouts
    inner join open_lines
        on
            open_payouts.bank_pool_id = open_lines.bank_pool_id
            and open_payouts.currency = open_lines.currency
            and open_payouts.payout_amount_minor = open_lines.amount_minor
    where {{ is_in_bank_window('open_lines.posted_date', 'open_payouts.expected_arrival_date') }}

),

-- Where deposits that could be payouts, or are, speak of Stripe.
accounts_with_marker as (

    select bank_account_id
    from hits
    where is_marked
    union
    select lines.bank_account_id
    from lines
    inner join taken_lines on lines.bank_statement_line_id = taken_lines.bank_statement_line_id
    where lines.is_marked

),

-- A failed payout may have been on the account only if its money was seen to leave it again.
returned_payouts as (

    select distinct
        hits.account_id,
        hits.payout_id
    from hits
    inner join open_lines
        on
            hits.bank_account_id = open_lines.bank_account_id
            and hits.currency = open_lines.currency
            and hits.payout_amount_minor = -open_lines.amount_minor
    where
        hits.payout_status = 'failed'
        and open_lines.posted_date between hits.posted_date
        and {{ days_after('coalesce(hits.failed_date, hits.posted_date)', 15) }}

)

select
    hits.account_id,
    hits.payout_id,
    hits.bank_pool_id,
    hits.currency,
    hits.payout_amount_minor,
    hits.expected_arrival_date,
    hits.destination_id,
    hits.bank_statement_line_id,
    hits.bank_account_id,
    hits.posted_date,
    hits.payout_status != 'failed' or returned_payouts.payout_id is not null as is_expected,
    hits.is_marked or accounts_with_marker.bank_account_id is null as is_eligible
from hits
left join accounts_with_marker on hits.bank_account_id = accounts_with_marker.bank_account_id
left join returned_payouts
    on
        hits.account_id = returned_payouts.account_id
        and hits.payout_id = returned_payouts.payout_id
