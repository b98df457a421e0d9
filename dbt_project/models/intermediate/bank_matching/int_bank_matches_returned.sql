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
    where is_eligible

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

-- Money that came although no return of it was seen, and that no other payout explains.
left_over as (

    select
        alike.account_id,
        alike.payout_id,
        alike.bank_statement_line_id,
        count(*) over (partition by alike.account_id, alike.payout_id) as lines_of_payout,
        count(*) over (partition by alike.bank_statement_line_id) as payouts_of_line
    from alike
    inner join payouts
        on
            alike.account_id = payouts.account_id
            and alike.payout_id = payouts.payout_id
    left join taken as taken_payouts
        on
            alike.account_id = taken_payouts.account_id
            and alike.payout_id = taken_payouts.payout_id
    left join taken as taken_lines
        on alike.bank_statement_line_id = taken_lines.bank_statement_line_id
    where taken_payouts.payout_id is null and taken_lines.bank_statement_line_id is null

),

arrivals as (

    select
        taken.account_id,
        taken.payout_id,
        taken.bank_statement_line_id,
        false as is_left_over
    from taken
    inner join payouts
        on
            taken.account_id = payouts.account_id
            and taken.payout_id = payouts.payout_id

    union all

    select
        account_id,
        payout_id,
        bank_statement_line_id,
        true as is_left_over
    from left_over
    where lines_of_payout = 1 and payouts_of_line = 1

),

returns_alike as (

    select
        arrivals.account_id,
        arrivals.payout_id,
        return_lines.bank_statement_line_id,
        row_number() over (
            partition by arrivals.account_id, arrivals.payout_id
            order by return_lines.posted_date, return_lines.bank_statement_line_id
        ) as line_choice
    from arrivals
    inner join payouts
        on
            arrivals.account_id = payouts.account_id
            and arrivals.payout_id = payouts.payout_id
    inner join lines as arrival_lines
        on arrivals.bank_statement_line_id = arrival_lines.bank_statement_line_id
    inner join lines as return_lines
        on
            arrival_lines.bank_account_id = return_lines.bank_account_id
            and arrival_lines.currency = return_lines.currency
            and arrival_lines.amount_minor = -return_lines.amount_minor
    left join taken on return_lines.bank_statement_line_id = taken.bank_statement_line_id
    where
        taken.bank_statement_line_id is null
        and return_lines.is_booked
        and not return_lines.is_ignored
        and return_lines.posted_date between arrival_lines.posted_date
        and {{ days_after('coalesce(payouts.failed_date, arrival_lines.posted_date)', 15) }}

),

-- The first return after the money came; one that two payouts would claim is nobody's.
returns_claimed as (

    select
        *,
        count(*) over (partition by bank_statement_line_id) as payouts_of_line
    from returns_alike
    where line_choice = 1

)

select
    arrivals.account_id,
    arrivals.payout_id,
    arrivals.bank_statement_line_id,
    returns_claimed.bank_statement_line_id as return_bank_statement_line_id,
    arrivals.is_left_over
from arrivals
left join returns_claimed
    on
        arrivals.account_id = returns_claimed.account_id
        and arrivals.payout_id = returns_claimed.payout_id
        and returns_claimed.payouts_of_line = 1
