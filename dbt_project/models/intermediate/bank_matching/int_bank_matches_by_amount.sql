-- Payouts and lines of one amount, matched where their numbers agree. A payout and a line that have
-- only each other within the window are a match by themselves. Of the others, which is which can't
-- be told, though the money is right. An island is a run of them in which no two neighbours lie
-- further apart than the window: where it holds as many payouts as lines, the first belongs to the
-- first. In the remaining islands, days are looked at one by one, and then what is left of them; a
-- line of the very day that no other payout could be is a match by itself.
with

all_payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

all_lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

hits as (

    select * from {{ ref('int_bank_amounts_alike') }}
    where is_expected and is_eligible

),

hits_counted as (

    select
        *,
        count(*) over (partition by payout_key) as lines_of_payout,
        count(*) over (partition by line_key) as payouts_of_line
    from hits

),

alone as (

    select
        payout_key,
        line_key
    from hits_counted
    where lines_of_payout = 1 and payouts_of_line = 1

),

others as (

    select * from hits_counted
    where lines_of_payout > 1 or payouts_of_line > 1

),

other_payouts as (

    select distinct payout_key from others

),

other_lines as (

    select distinct
        line_key,
        payouts_of_line
    from others

),

-- What is of one pool, currency and amount has one key.
payouts as (

    select
        {{ narrow_key(hashed_id([
            'all_payouts.bank_pool_id', 'all_payouts.currency', 'all_payouts.payout_amount_minor',
        ])) }} as amount_key,
        all_payouts.payout_key,
        all_payouts.account_id,
        all_payouts.payout_id,
        all_payouts.destination_id,
        all_payouts.expected_arrival_date as event_date
    from all_payouts
    inner join other_payouts on all_payouts.payout_key = other_payouts.payout_key

),

lines as (

    select
        {{ narrow_key(hashed_id([
            'all_lines.bank_pool_id', 'all_lines.currency', 'all_lines.amount_minor',
        ])) }} as amount_key,
        all_lines.line_key,
        all_lines.bank_account_id,
        all_lines.posted_date as event_date,
        other_lines.payouts_of_line
    from all_lines
    inner join other_lines on all_lines.line_key = other_lines.line_key

),

{{ matched_in_islands('whole', 'payouts', 'lines') }},

payouts_after_whole as (

    select payouts.*
    from payouts
    left join whole_pairs on payouts.payout_key = whole_pairs.payout_key
    where whole_pairs.payout_key is null

),

lines_after_whole as (

    select lines.*
    from lines
    left join whole_pairs on lines.line_key = whole_pairs.line_key
    where whole_pairs.line_key is null

),

payouts_of_days as (

    select
        *,
        row_number() over (
            partition by amount_key, event_date
            order by account_id, payout_id
        ) as place,
        count(*) over (partition by amount_key, event_date) as payout_count,
        min(destination_id) over (partition by amount_key, event_date)
        = max(destination_id) over (partition by amount_key, event_date) as has_one_owner
    from payouts_after_whole

),

lines_of_days as (

    select
        *,
        row_number() over (partition by amount_key, event_date order by line_key) as place,
        count(*) over (partition by amount_key, event_date) as line_count,
        min(bank_account_id) over (partition by amount_key, event_date)
        = max(bank_account_id) over (partition by amount_key, event_date) as has_one_owner
    from lines_after_whole

),

day_pairs as (

    select
        payouts.payout_key,
        bank_lines.line_key,
        bank_lines.payouts_of_line,
        {{ hashed_id(['payouts.amount_key', 'payouts.event_date']) }} as group_id
    from payouts_of_days as payouts
    inner join lines_of_days as bank_lines
        on
            payouts.amount_key = bank_lines.amount_key
            and payouts.event_date = bank_lines.event_date
            and payouts.place = bank_lines.place
            and payouts.payout_count = bank_lines.line_count
    where
        payouts.payout_count = 1
        or (payouts.has_one_owner and bank_lines.has_one_owner)

),

payouts_after_days as (

    select payouts.*
    from payouts_after_whole as payouts
    left join day_pairs on payouts.payout_key = day_pairs.payout_key
    where day_pairs.payout_key is null

),

lines_after_days as (

    select lines_after_whole.*
    from lines_after_whole
    left join day_pairs on lines_after_whole.line_key = day_pairs.line_key
    where day_pairs.line_key is null

),

{{ matched_in_islands('rest', 'payouts_after_days', 'lines_after_days') }}

select
    payout_key,
    line_key,
    cast(null as string) as group_id,
    'date_window' as match_rule,
    'matched' as match_status
from alone

union all

select
    payout_key,
    line_key,
    group_id,
    'date_window' as match_rule,
    'matched_group' as match_status
from whole_pairs

union all

select
    payout_key,
    line_key,
    group_id,
    'same_day' as match_rule,
    case when payouts_of_line = 1 then 'matched' else 'matched_group' end as match_status
from day_pairs

union all

select
    payout_key,
    line_key,
    group_id,
    'date_window' as match_rule,
    'matched_group' as match_status
from rest_pairs
