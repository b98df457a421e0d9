-- Payouts and lines of one pool, currency and amount that no name has matched, and that lie near
-- enough to belong together. Where an account's lines of Stripe carry its marker, a line without it
-- is a hit by amount alone (`is_eligible` is false): it may be looked at, never matched.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

-- Asked for twice, so kept in between: without the columns that nobody asks for.
lines as (

    select
        line_key,
        bank_account_id,
        bank_pool_id,
        currency,
        amount_minor,
        posted_date,
        is_booked,
        is_ignored,
        is_marked
    from {{ ref('int_bank_lines_described') }}

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

by_identifier as (

    select * from {{ ref('int_bank_matches_by_identifier') }}

),

taken_payouts as (

    select payout_key from by_hand
    union all
    select payout_key from by_identifier

),

taken_lines as (

    select line_key from by_hand
    union all
    select line_key from by_identifier

),

open_payouts as (

    select
        payouts.payout_key,
        payouts.bank_pool_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.expected_arrival_date,
        payouts.payout_status,
        payouts.failed_date
    from payouts
    left join taken_payouts on payouts.payout_key = taken_payouts.payout_key
    where
        taken_payouts.payout_key is null
        and payouts.bank_pool_id is not null
        and not payouts.is_never_at_bank

),

open_lines as (

    select
        lines.line_key,
        lines.bank_account_id,
        lines.bank_pool_id,
        lines.currency,
        lines.amount_minor,
        lines.posted_date,
        lines.is_marked
    from lines
    left join taken_lines on lines.line_key = taken_lines.line_key
    where
        taken_lines.line_key is null
        and lines.is_booked
        and not lines.is_ignored

),

hits as (

    select
        open_payouts.payout_key,
        open_lines.line_key,
        open_lines.bank_account_id,
        open_lines.is_marked,
        open_payouts.payout_status = 'failed' as is_failed
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
    inner join taken_lines on lines.line_key = taken_lines.line_key
    where lines.is_marked

),

failed_hits as (

    select
        hits.payout_key,
        open_lines.bank_account_id,
        open_lines.currency,
        open_lines.amount_minor,
        open_lines.posted_date,
        open_payouts.failed_date
    from hits
    inner join open_payouts on hits.payout_key = open_payouts.payout_key
    inner join open_lines on hits.line_key = open_lines.line_key
    where hits.is_failed

),

-- A failed payout may have been on the account only if its money was seen to leave it again.
returned_payouts as (

    select distinct failed_hits.payout_key
    from failed_hits
    inner join open_lines
        on
            failed_hits.bank_account_id = open_lines.bank_account_id
            and failed_hits.currency = open_lines.currency
            and failed_hits.amount_minor = -open_lines.amount_minor
    where
        open_lines.posted_date between failed_hits.posted_date
        and {{ days_after('coalesce(failed_hits.failed_date, failed_hits.posted_date)', 15) }}

)

select
    hits.payout_key,
    hits.line_key,
    not hits.is_failed or returned_payouts.payout_key is not null as is_expected,
    hits.is_marked or accounts_with_marker.bank_account_id is null as is_eligible
from hits
left join accounts_with_marker on hits.bank_account_id = accounts_with_marker.bank_account_id
left join returned_payouts on hits.payout_key = returned_payouts.payout_key
