-- Failed payouts on the statement: the line that brought the money, where nothing else explains it,
-- and the line that took it away again.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}
    where payout_status = 'failed' and bank_pool_id is not null

),

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

alike as (

    select * from {{ ref('int_bank_amounts_alike') }}

),

by_hand as (

    select * from {{ ref('int_bank_matches_by_hand') }}

),

by_identifier as (

    select * from {{ ref('int_bank_matches_by_identifier') }}
    where is_same_amount

),

by_amount as (

    select * from {{ ref('int_bank_matches_by_amount') }}

),

by_sum as (

    select * from {{ ref('int_bank_matches_by_sum') }}
    where is_match

),

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
    union all
    select
        payout_key,
        line_key
    from by_amount
    union all
    select
        payout_key,
        line_key
    from by_sum

),

-- Payouts and lines of one amount that nothing has put together, failed or not.
undecided as (

    select
        alike.payout_key,
        alike.line_key,
        alike.is_eligible,
        count(*) over (partition by alike.payout_key) as lines_of_payout,
        count(*) over (partition by alike.line_key) as payouts_of_line
    from alike
    left join taken as taken_payouts on alike.payout_key = taken_payouts.payout_key
    left join taken as taken_lines on alike.line_key = taken_lines.line_key
    where taken_payouts.payout_key is null and taken_lines.line_key is null

),

-- Money that came although no return of it was seen, and that no other payout could be.
left_over as (

    select
        undecided.payout_key,
        undecided.line_key
    from undecided
    inner join payouts on undecided.payout_key = payouts.payout_key
    where
        undecided.is_eligible
        and undecided.lines_of_payout = 1
        and undecided.payouts_of_line = 1

),

taken_by_failed as (

    select
        taken.payout_key,
        taken.line_key,
        count(*) over (partition by taken.payout_key) as lines_of_payout
    from taken
    inner join payouts on taken.payout_key = payouts.payout_key

),

lines_of_failed as (

    select
        taken.line_key,
        count(*) as payouts_of_line
    from taken
    where taken.line_key in (select taken_by_failed.line_key from taken_by_failed)
    group by taken.line_key

),

arrivals as (

    select
        taken_by_failed.payout_key,
        taken_by_failed.line_key,
        taken_by_failed.lines_of_payout = 1 and lines_of_failed.payouts_of_line = 1
            as is_one_to_one,
        false as is_left_over
    from taken_by_failed
    inner join lines_of_failed on taken_by_failed.line_key = lines_of_failed.line_key

    union all

    select
        payout_key,
        line_key,
        true as is_one_to_one,
        true as is_left_over
    from left_over

),

lines_spoken_for as (

    select line_key from taken
    union all
    select line_key from undecided

),

-- Only what came by itself can be seen to go again.
returns_alike as (

    select
        arrivals.payout_key,
        arrival_lines.bank_account_id,
        arrival_lines.currency,
        arrival_lines.amount_minor,
        arrival_lines.posted_date as arrived_date,
        arrivals.line_key as arrival_line_key,
        return_lines.line_key,
        return_lines.posted_date
    from arrivals
    inner join payouts on arrivals.payout_key = payouts.payout_key
    inner join lines as arrival_lines
        on
            arrivals.line_key = arrival_lines.line_key
            and payouts.payout_amount_minor = arrival_lines.amount_minor
    inner join lines as return_lines
        on
            arrival_lines.bank_account_id = return_lines.bank_account_id
            and arrival_lines.currency = return_lines.currency
            and arrival_lines.amount_minor = -return_lines.amount_minor
    left join lines_spoken_for on return_lines.line_key = lines_spoken_for.line_key
    where
        arrivals.is_one_to_one
        and lines_spoken_for.line_key is null
        and return_lines.is_booked
        and not return_lines.is_ignored
        and return_lines.posted_date between arrival_lines.posted_date
        and {{ days_after('coalesce(payouts.failed_date, arrival_lines.posted_date)', 15) }}

),

-- What came and may have gone by one day has nothing to do with what came after it.
returns_reached as (

    select
        *,
        max(posted_date) over (
            partition by bank_account_id, currency, amount_minor
            order by arrived_date, posted_date, arrival_line_key, line_key
            rows between unbounded preceding and 1 preceding
        ) as date_reached
    from returns_alike

),

returns_in_islands as (

    select
        *,
        sum(case when arrived_date <= date_reached then 0 else 1 end) over (
            partition by bank_account_id, currency, amount_minor
            order by arrived_date, posted_date, arrival_line_key, line_key
            rows between unbounded preceding and current row
        ) as island_number
    from returns_reached

),

-- Where as much came as went, the first to go is the first that came.
returns_placed as (

    select
        *,
        dense_rank() over (
            partition by bank_account_id, currency, amount_minor, island_number
            order by arrived_date, arrival_line_key
        ) as arrival_place,
        dense_rank() over (
            partition by bank_account_id, currency, amount_minor, island_number
            order by posted_date, line_key
        ) as return_place,
        count(*) over (partition by payout_key) as lines_of_payout,
        count(*) over (partition by line_key) as payouts_of_line
    from returns_in_islands

),

returns_counted as (

    select
        *,
        max(arrival_place) over (
            partition by bank_account_id, currency, amount_minor, island_number
        ) as arrival_count,
        max(return_place) over (
            partition by bank_account_id, currency, amount_minor, island_number
        ) as return_count
    from returns_placed

),

returns_paired as (

    select
        payout_key,
        line_key
    from returns_counted
    where
        case
            when arrival_count = return_count then arrival_place = return_place
            else lines_of_payout = 1 and payouts_of_line = 1
        end

)

select
    arrivals.payout_key,
    arrivals.line_key,
    returns_paired.line_key as return_line_key,
    arrivals.is_left_over
from arrivals
left join returns_paired on arrivals.payout_key = returns_paired.payout_key
