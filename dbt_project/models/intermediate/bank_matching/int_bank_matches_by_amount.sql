-- Payouts and lines of one amount, matched where their numbers agree. A payout and a line that have
-- only each other within the window are a match by themselves. Of the others, which is which can't
-- be told, though the money is right. An island is a run of them in which no two neighbours lie
-- further apart than the window: where it holds as many payouts as lines, the first belongs to the
-- first. In the remaining islands, days are looked at one by one, and then what is left of them; a
-- line of the very day that no other payout could be is a match by itself.
with

hits as (

    select * from {{ ref('int_bank_amounts_alike') }}
    where is_expected and is_eligible

),

hits_counted as (

    select
        *,
        count(*) over (partition by account_id, payout_id) as lines_of_payout,
        count(*) over (partition by bank_statement_line_id) as payouts_of_line
    from hits

),

alone as (

    select
        account_id,
        payout_id,
        bank_statement_line_id
    from hits_counted
    where lines_of_payout = 1 and payouts_of_line = 1

),

others as (

    select * from hits_counted
    where lines_of_payout > 1 or payouts_of_line > 1

),

payouts as (

    select distinct
        bank_pool_id,
        currency,
        payout_amount_minor as amount_minor,
        account_id,
        payout_id,
        destination_id,
        expected_arrival_date
    from others

),

lines as (

    select distinct
        bank_pool_id,
        currency,
        payout_amount_minor as amount_minor,
        bank_account_id,
        bank_statement_line_id,
        posted_date,
        payouts_of_line
    from others

),

{{ matched_in_islands('whole', 'payouts', 'lines') }},

payouts_after_whole as (

    select payouts.*
    from payouts
    left join whole_pairs
        on
            payouts.account_id = whole_pairs.account_id
            and payouts.payout_id = whole_pairs.payout_id
    where whole_pairs.payout_id is null

),

lines_after_whole as (

    select lines.*
    from lines
    left join whole_pairs
        on lines.bank_statement_line_id = whole_pairs.bank_statement_line_id
    where whole_pairs.bank_statement_line_id is null

),

payouts_of_days as (

    select
        *,
        expected_arrival_date as event_date,
        row_number() over (
            partition by bank_pool_id, currency, amount_minor, expected_arrival_date
            order by account_id, payout_id
        ) as place,
        count(*) over (
            partition by bank_pool_id, currency, amount_minor, expected_arrival_date
        ) as payout_count,
        min(destination_id) over (
            partition by bank_pool_id, currency, amount_minor, expected_arrival_date
        ) as first_owner,
        max(destination_id) over (
            partition by bank_pool_id, currency, amount_minor, expected_arrival_date
        ) as last_owner
    from payouts_after_whole

),

lines_of_days as (

    select
        *,
        posted_date as event_date,
        row_number() over (
            partition by bank_pool_id, currency, amount_minor, posted_date
            order by bank_statement_line_id
        ) as place,
        count(*) over (
            partition by bank_pool_id, currency, amount_minor, posted_date
        ) as line_count,
        min(bank_account_id) over (
            partition by bank_pool_id, currency, amount_minor, posted_date
        ) as first_owner,
        max(bank_account_id) over (
            partition by bank_pool_id, currency, amount_minor, posted_date
        ) as last_owner
    from lines_after_whole

),

day_pairs as (

    select
        payouts.account_id,
        payouts.payout_id,
        bank_lines.bank_statement_line_id,
        bank_lines.payouts_of_line,
        {{ hashed_id([
            'payouts.bank_pool_id', 'payouts.currency', 'payouts.amount_minor',
            'payouts.event_date',
        ]) }} as group_id
    from payouts_of_days as payouts
    inner join lines_of_days as bank_lines
        on
            payouts.bank_pool_id = bank_lines.bank_pool_id
            and payouts.currency = bank_lines.currency
            and payouts.amount_minor = bank_lines.amount_minor
            and payouts.event_date = bank_lines.event_date
            and payouts.place = bank_lines.place
            and payouts.payout_count = bank_lines.line_count
    where
        payouts.payout_count = 1
        or (
            payouts.first_owner = payouts.last_owner
            and bank_lines.first_owner = bank_lines.last_owner
        )

),

payouts_after_days as (

    select payouts.*
    from payouts_after_whole as payouts
    left join day_pairs
        on
            payouts.account_id = day_pairs.account_id
            and payouts.payout_id = day_pairs.payout_id
    where day_pairs.payout_id is null

),

lines_after_days as (

    select lines_after_whole.*
    from lines_after_whole
    left join day_pairs
        on lines_after_whole.bank_statement_line_id = day_pairs.bank_statement_line_id
    where day_pairs.bank_statement_line_id is null

),

{{ matched_in_islands('rest', 'payouts_after_days', 'lines_after_days') }}

select
    account_id,
    payout_id,
    bank_statement_line_id,
    cast(null as varchar) as group_id,
    'date_window' as match_rule,
    'matched' as match_status
from alone

union all

select
    account_id,
    payout_id,
    bank_statement_line_id,
    group_id,
    'date_window' as match_rule,
    'matched_group' as match_status
from whole_pairs

union all

select
    account_id,
    payout_id,
    bank_statement_line_id,
    group_id,
    'same_day' as match_rule,
    case when payouts_of_line = 1 then 'matched' else 'matched_group' end as match_status
from day_pairs

union all

select
    account_id,
    payout_id,
    bank_statement_line_id,
    group_id,
    'date_window' as match_rule,
    'matched_group' as match_status
from rest_pairs
