-- The payouts that were on their way at the end of a month: off the Stripe balance by then, at the
-- bank later, and not given back in between. They are at the bank when its statement says so, else
-- when Stripe says so; one that the statements should have and have not is on its way still.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

settled as (

    select * from {{ ref('int_payouts_settled') }}

),

at_bank as (

    select * from {{ ref('int_payouts_decided_at_bank') }}

),

with_arrival as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.payout_status,
        payouts.created_date,
        payouts.expected_arrival_date,
        case
            when at_bank.bank_posted_date is not null then at_bank.bank_posted_date
            when at_bank.bank_match_status != 'overdue' then payouts.expected_arrival_date
        end as reached_bank_date
    from payouts
    inner join at_bank
        on
            payouts.account_id = at_bank.account_id
            and payouts.payout_id = at_bank.payout_id

),

-- Most arrive in the month in which they were sent, and are on their way at the end of none.
over_a_month_end as (

    select * from with_arrival
    where
        reached_bank_date is null
        or reached_bank_date > {{ last_day_of_month('created_date') }}

),

months_touched as (

    select
        over_a_month_end.account_id,
        over_a_month_end.payout_id,
        over_a_month_end.currency,
        over_a_month_end.payout_amount_minor,
        over_a_month_end.created_date,
        over_a_month_end.expected_arrival_date,
        over_a_month_end.reached_bank_date,
        over_a_month_end.payout_status,
        settled.settlement_status,
        cast(settled.failed_at as date) as returned_date,
        {{ each_month(
            'over_a_month_end.created_date',
            'coalesce(over_a_month_end.reached_bank_date, ' ~ as_of_date() ~ ')'
        ) }} as month_start_date
    from over_a_month_end
    inner join settled
        on
            over_a_month_end.account_id = settled.account_id
            and over_a_month_end.payout_id = settled.payout_id

),

month_ends as (

    select
        *,
        {{ last_day_of_month('month_start_date') }} as month_end_date
    from months_touched

)

select
    account_id,
    month_end_date,
    payout_id,
    currency,
    payout_amount_minor,
    created_date,
    expected_arrival_date,
    reached_bank_date,
    payout_status,
    settlement_status
from month_ends
where
    month_end_date <= {{ as_of_date() }}
    and (reached_bank_date is null or reached_bank_date > month_end_date)
    and (returned_date is null or returned_date > month_end_date)
    and not (settlement_status = 'canceled' and returned_date is null)
