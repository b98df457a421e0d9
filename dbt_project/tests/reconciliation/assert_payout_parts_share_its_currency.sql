with

counted as (

    {{ counted_list_rows() }}

)

select
    counted.account_id,
    counted.payout_id,
    counted.balance_transaction_id,
    counted.currency,
    payouts.currency as payout_currency,
    counted.net_amount_minor
from counted
inner join {{ ref('stg_stripe__payouts') }} as payouts
    on
        counted.account_id = payouts.account_id
        and counted.payout_id = payouts.payout_id
where counted.currency != payouts.currency
