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
        account_id,
        payout_id,
        bank_statement_line_id
    from by_hand
    union all
    select
        account_id,
        payout_id,
        bank_statement_line_id
    from by_identifier
    union all
    select
        account_id,
        payout_id,
        bank_statement_line_id
    from by_amount
    union all
    select
        account_id,
        payout_id,
        bank_statement_line_id
    from by_sum

),

-- Payouts and lines of one amount that nothing has put together, failed or not.
undecided as (

    select
        alike.account_id,
        alike.payout_id,
        alike.bank_statement_line_id,
        alike.is_eligible,
        count(*) over (partition by alike.account_id, alike.payout_id) as lines_of_payout,
        count(*) over (partition by alike.bank_statement_line_id) as payouts_of_line
    from alike
    left join taken as taken_payouts
        on
            alike.account_id = taken_payouts.account_id
            and alike.payout_id = taken_payouts.payout_id
    left join taken as taken_lines
        on alike.bank_statement_line_id = taken_lines.bank_statement_line_id
    where taken_payouts.payout_id is null and taken_lines.bank_statement_line_id is null

),

-- Money that came although no return of it was seen, and that no other payout could be.
left_over as (

    select
        undecided.account_id,
        undecided.payout_id,
        undecided.bank_statement_line_id
    from undecided
    inner join payouts
        on
            undecided.account_id = payouts.account_id
            and undecided.payout_id = payouts.payout_id
    where
        undecided.is_eligible
        and undecided.lines_of_payout = 1
        and undecided.payouts_of_line = 1

),

taken_counted as (

    select
        *,
        count(*) over (partition by account_id, payout_id) as lines_of_payout,
        count(*) over (partition by bank_statement_line_id) as payouts_of_line
    from taken

),

arrivals as (

    select
        taken_counted.account_id,
        taken_counted.payout_id,
        taken_counted.bank_statement_line_id,
        taken_counted.lines_of_payout = 1 and taken_counted.payouts_of_line = 1 as is_one_to_one,
        false as is_left_over
    from taken_counted
    inner join payouts
        on
            taken_counted.account_id = payouts.account_id
            and taken_counted.payout_id = payouts.payout_id

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        true as is_one_to_one,
        true as is_left_over
    from left_over

),

lines_spoken_for as (

    select bank_statement_line_id from taken
    union
    select bank_statement_line_id from undecided

),

-- Only what came by itself can be seen to go again.
returns_alike as (

    select
        arrivals.account_id,
        arrivals.payout_id,
        arrival_lines.bank_account_id,
        arrival_lines.currency,
        arrival_lines.amount_minor,
        arrival_lines.posted_date as arrived_date,
        arrivals.bank_statement_line_id as arrival_line_id,
        return_lines.bank_statement_line_id,
        return_lines.posted_date
    from arrivals
    inner join payouts
        on
            arrivals.account_id = payouts.account_id
            and arrivals.payout_id = payouts.payout_id
    inner join lines as arrival_lines
        on
            arrivals.bank_statement_line_id = arrival_lines.bank_statement_line_id
            and payouts.payout_amount_minor = arrival_lines.amount_minor
    inner join lines as return_lines
        on
            arrival_lines.bank_account_id = return_lines.bank_account_id
            and arrival_lines.currency = return_lines.currency
            and arrival_lines.amount_minor = -return_lines.amount_minor
    left join lines_spoken_for
        on return_lines.bank_statement_line_id = lines_spoken_for.bank_statement_line_id
    where
        arrivals.is_one_to_one
        and lines_spoken_for.bank_statement_line_id is null
        and return_lines.is_booked
        and not return_lines.is_ignored
        and return_lines.posted_date between arrival_lines.posted_date
        and {{ days_after('coalesce(payouts.failed_date, arrival_lines.posted_date)', 15) }}

),

-- Where as much came as went, the first to go is the first that came.
returns_placed as (

    select
        *,
        dense_rank() over (
            partition by bank_account_id, currency, amount_minor
            order by arrived_date, arrival_line_id
        ) as arrival_place,
        dense_rank() over (
            partition by bank_account_id, currency, amount_minor
            order by posted_date, bank_statement_line_id
        ) as return_place,
        count(*) over (partition by account_id, payout_id) as lines_of_payout,
        count(*) over (partition by bank_statement_line_id) as payouts_of_line
    from returns_alike

),

returns_counted as (

    select
        *,
        max(arrival_place) over (partition by bank_account_id, currency, amount_minor)
        = max(return_place) over (partition by bank_account_id, currency, amount_minor)
            as is_as_many
    from returns_placed

),

returns_paired as (

    select
        account_id,
        payout_id,
        bank_statement_line_id
    from returns_counted
    where
        case
            when is_as_many then arrival_place = return_place
            else lines_of_payout = 1 and payouts_of_line = 1
        end

)

select
    arrivals.account_id,
    arrivals.payout_id,
    arrivals.bank_statement_line_id,
    returns_paired.bank_statement_line_id as return_bank_statement_line_id,
    arrivals.is_left_over
from arrivals
left join returns_paired
    on
        arrivals.account_id = returns_paired.account_id
        and arrivals.payout_id = returns_paired.payout_id
