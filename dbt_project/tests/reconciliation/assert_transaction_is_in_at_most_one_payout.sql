with

counted as (

    {{ counted_list_rows() }}

)

select
    account_id,
    balance_transaction_id,
    min(payout_id) as payout_id,
    max(payout_id) as other_payout_id,
    max(currency) as currency,
    max(net_amount_minor) as net_amount_minor
from counted
group by account_id, balance_transaction_id
having min(payout_id) != max(payout_id)
