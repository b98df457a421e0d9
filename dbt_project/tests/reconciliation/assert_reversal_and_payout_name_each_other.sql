with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

)

select
    payouts.account_id,
    payouts.payout_id,
    payouts.currency,
    payouts.payout_amount_minor,
    payouts.reversed_by_payout_id,
    reversals.payout_id as reversal_payout_id,
    reversals.payout_amount_minor as reversal_amount_minor
from payouts
left join payouts as reversals
    on
        payouts.account_id = reversals.account_id
        and payouts.reversed_by_payout_id = reversals.payout_id
        and payouts.payout_id = reversals.original_payout_id
        and payouts.currency = reversals.currency
        and payouts.payout_amount_minor = -reversals.payout_amount_minor
where payouts.reversed_by_payout_id is not null and reversals.payout_id is null

union all

select
    payouts.account_id,
    payouts.payout_id,
    payouts.currency,
    payouts.payout_amount_minor,
    payouts.reversed_by_payout_id,
    reversals.payout_id as reversal_payout_id,
    reversals.payout_amount_minor as reversal_amount_minor
from payouts
inner join payouts as reversals
    on
        payouts.account_id = reversals.account_id
        and payouts.payout_id = reversals.original_payout_id
where coalesce(payouts.reversed_by_payout_id != reversals.payout_id, true)
