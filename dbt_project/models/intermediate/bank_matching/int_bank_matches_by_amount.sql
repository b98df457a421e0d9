-- Payouts and lines of one amount. A payout and a line that have only each other within the window
-- are a match by themselves; of the others, whole islands go first. In the remaining islands, days
-- are looked at one by one, and then what is left of them; a line of the very day that no other
-- payout could be is a match by itself.
with

hits as (

    select * from {{ ref('int_bank_amounts_alike') }}
    where is_expected and is_eligible

),

whole_pairs as (

    select * from {{ ref('int_bank_matches_in_islands') }}

),

payouts as (

    select
        amount_key,
        item_key as payout_key,
        account_id,
        payout_id,
        destination_id,
        event_date
    from {{ ref('int_bank_ties_found') }}
    where is_payout

),

lines as (

    select
        amount_key,
        item_key as line_key,
        bank_account_id,
        payouts_of_line,
        event_date
    from {{ ref('int_bank_ties_found') }}
    where not is_payout

),

alone as (

    select
        hits.payout_key,
        hits.line_key
    from hits
    left join payouts on hits.payout_key = payouts.payout_key
    where payouts.payout_key is null

),

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
