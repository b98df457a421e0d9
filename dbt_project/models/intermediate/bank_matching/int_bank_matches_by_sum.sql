-- Fixed sums of what no line of the same amount matched: one line for the payouts of one account,
-- currency, destination and arrival date; one payout in the lines of one day and bank account. A
-- sum counts as a match only where it leads one way: no other sum fits the line, and no other line
-- the sum.
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

alike as (

    select * from {{ ref('int_bank_amounts_alike') }}
    where is_expected and is_eligible

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

by_identifier as (

    select * from {{ ref('int_bank_matches_by_identifier') }}

),

by_amount as (

    select * from {{ ref('int_bank_matches_by_amount') }}

),

-- A trace id in a line of another amount may be the line of a sum.
taken as (

    select
        payout_key,
        line_key
    from by_hand
    union all
    select
        payout_key,
        line_key
    from by_identifier
    where is_same_amount
    union all
    select
        payout_key,
        line_key
    from by_amount

),

accounts_with_marker as (

    select distinct lines.bank_account_id
    from lines
    inner join taken on lines.line_key = taken.line_key
    where lines.is_marked

),

-- An equal amount says more than a sum, also where nobody can tell whose it is.
contested as (

    select
        alike.payout_key,
        alike.line_key
    from alike
    left join taken as taken_payouts on alike.payout_key = taken_payouts.payout_key
    left join taken as taken_lines on alike.line_key = taken_lines.line_key
    where taken_payouts.payout_key is null and taken_lines.line_key is null

),

out_of_sums as (

    select
        payout_key,
        line_key
    from taken
    union all
    select
        payout_key,
        line_key
    from contested

),

open_payouts as (

    select payouts.*
    from payouts
    left join out_of_sums on payouts.payout_key = out_of_sums.payout_key
    where
        out_of_sums.payout_key is null
        and payouts.bank_pool_id is not null
        and not payouts.is_never_at_bank
        and payouts.payout_status != 'failed'

),

open_lines as (

    select lines.*
    from lines
    left join out_of_sums on lines.line_key = out_of_sums.line_key
    left join accounts_with_marker on lines.bank_account_id = accounts_with_marker.bank_account_id
    where
        out_of_sums.line_key is null
        and lines.is_booked
        and not lines.is_ignored
        and (lines.is_marked or accounts_with_marker.bank_account_id is null)

),

-- Signed amounts: what comes in and what goes out are two sums.
batches as (

    select
        bank_pool_id,
        account_id,
        currency,
        destination_id,
        expected_arrival_date,
        payout_amount_minor > 0 as is_credit,
        {{ hashed_id([
            'account_id', 'currency', 'destination_id', 'expected_arrival_date',
            'payout_amount_minor > 0',
        ]) }} as group_id,
        cast(sum(payout_amount_minor) as bigint) as amount_minor
    from open_payouts
    group by
        bank_pool_id, account_id, currency, destination_id, expected_arrival_date,
        payout_amount_minor > 0
    having count(*) > 1

),

batch_hits as (

    select
        batches.group_id,
        open_lines.line_key,
        count(*) over (partition by batches.group_id) as lines_of_group,
        count(*) over (partition by open_lines.line_key) as groups_of_line
    from batches
    inner join open_lines
        on
            batches.bank_pool_id = open_lines.bank_pool_id
            and batches.currency = open_lines.currency
            and batches.amount_minor = open_lines.amount_minor
    where {{ is_in_bank_window('open_lines.posted_date', 'batches.expected_arrival_date') }}

),

days as (

    select
        bank_pool_id,
        bank_account_id,
        currency,
        posted_date,
        amount_minor > 0 as is_credit,
        {{ hashed_id(['bank_account_id', 'currency', 'posted_date', 'amount_minor > 0']) }}
            as group_id,
        cast(sum(amount_minor) as bigint) as amount_minor
    from open_lines
    group by bank_pool_id, bank_account_id, currency, posted_date, amount_minor > 0
    having count(*) > 1

),

day_hits as (

    select
        days.group_id,
        payouts.payout_key,
        count(*) over (partition by days.group_id) as payouts_of_group,
        count(*) over (partition by payouts.payout_key) as groups_of_payout
    from days
    inner join open_payouts as payouts
        on
            days.bank_pool_id = payouts.bank_pool_id
            and days.currency = payouts.currency
            and days.amount_minor = payouts.payout_amount_minor
    where {{ is_in_bank_window('days.posted_date', 'payouts.expected_arrival_date') }}

),

found as (

    select
        payouts.payout_key,
        batch_hits.line_key,
        batch_hits.group_id,
        'batch_deposit' as match_rule,
        batch_hits.lines_of_group = 1 and batch_hits.groups_of_line = 1 as leads_one_way
    from batch_hits
    inner join batches on batch_hits.group_id = batches.group_id
    inner join open_payouts as payouts
        on
            batches.account_id = payouts.account_id
            and batches.bank_pool_id = payouts.bank_pool_id
            and batches.currency = payouts.currency
            and batches.destination_id = payouts.destination_id
            and batches.expected_arrival_date = payouts.expected_arrival_date
            and batches.is_credit = (payouts.payout_amount_minor > 0)

    union all

    select
        day_hits.payout_key,
        open_lines.line_key,
        day_hits.group_id,
        'split_deposit' as match_rule,
        day_hits.payouts_of_group = 1 and day_hits.groups_of_payout = 1 as leads_one_way
    from day_hits
    inner join days on day_hits.group_id = days.group_id
    inner join open_lines
        on
            days.bank_account_id = open_lines.bank_account_id
            and days.currency = open_lines.currency
            and days.posted_date = open_lines.posted_date
            and days.is_credit = (open_lines.amount_minor > 0)

),

-- A payout or a line that both kinds of sums reach is in neither.
with_rules as (

    select
        *,
        min(match_rule) over (partition by payout_key)
        = max(match_rule) over (partition by payout_key)
        and min(match_rule) over (partition by line_key)
        = max(match_rule) over (partition by line_key) as has_one_rule
    from found

),

groups as (

    select
        group_id,
        bool_and(leads_one_way and has_one_rule) as is_match
    from with_rules
    group by group_id

)

select
    with_rules.payout_key,
    with_rules.line_key,
    with_rules.group_id,
    with_rules.match_rule,
    groups.is_match
from with_rules
inner join groups on with_rules.group_id = groups.group_id
