-- The payouts that were on their way at the end of a month: off the Stripe balance by then, due at
-- the bank later, and not given back in between.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

settled as (

    select * from {{ ref('int_payouts_settled') }}

),

months_touched as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.created_date,
        payouts.expected_arrival_date,
        payouts.payout_status,
        settled.settlement_status,
        cast(settled.failed_at as date) as returned_date,
        {{ each_month('payouts.created_date', 'payouts.expected_arrival_date') }}
            as month_start_date
    from payouts
    inner join settled
        on
            payouts.account_id = settled.account_id
            and payouts.payout_id = settled.payout_id

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
    payout_status,
    settlement_status
from month_ends
where
    month_end_date <= {{ as_of_date() }}
    and expected_arrival_date > month_end_date
    and (returned_date is null or returned_date > month_end_date)
    and not (settlement_status = 'canceled' and returned_date is null)
