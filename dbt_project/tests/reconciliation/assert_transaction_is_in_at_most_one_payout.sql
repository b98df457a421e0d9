with

counted as (

    {{ counted_list_rows() }}

),

own_rows as (

    {{ own_rows_of_itemized_payouts() }}

)

select
    counted.account_id,
    counted.balance_transaction_id,
    min(counted.payout_id) as payout_id,
    max(counted.payout_id) as other_payout_id,
    max(counted.currency) as currency,
    max(counted.net_amount_minor) as net_amount_minor
from counted
left join own_rows
    on
        counted.account_id = own_rows.account_id
        and counted.balance_transaction_id = own_rows.balance_transaction_id
group by counted.account_id, counted.balance_transaction_id
having
    min(counted.payout_id) != max(counted.payout_id)
    or count(own_rows.balance_transaction_id) > 0
