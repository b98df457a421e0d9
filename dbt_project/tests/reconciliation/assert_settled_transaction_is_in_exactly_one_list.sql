with

counted as (

    {{ counted_list_rows() }}

),

own_rows as (

    {{ own_rows_of_itemized_payouts() }}

),

in_one_list as (

    select
        counted.account_id,
        counted.balance_transaction_id,
        min(counted.payout_id) as payout_id
    from counted
    left join own_rows
        on
            counted.account_id = own_rows.account_id
            and counted.balance_transaction_id = own_rows.balance_transaction_id
    where own_rows.account_id is null
    group by counted.account_id, counted.balance_transaction_id
    having min(counted.payout_id) = max(counted.payout_id)

),

settled as (

    select
        account_id,
        balance_transaction_id,
        payout_id,
        net_amount_minor
    from {{ ref('fct_balance_transactions') }}
    where attribution_status = 'settled' or payout_id is not null

),

not_itemized as (

    select
        account_id,
        payout_id
    from {{ ref('stg_stripe__payouts') }}
    where stripe_reconciliation_status = 'not_applicable'

)

select
    coalesce(in_one_list.account_id, settled.account_id) as account_id,
    coalesce(in_one_list.balance_transaction_id, settled.balance_transaction_id)
        as balance_transaction_id,
    in_one_list.payout_id as listed_in_payout_id,
    settled.payout_id as settled_in_payout_id,
    settled.net_amount_minor
from in_one_list
full outer join settled
    on
        in_one_list.account_id = settled.account_id
        and in_one_list.balance_transaction_id = settled.balance_transaction_id
left join not_itemized
    on
        settled.account_id = not_itemized.account_id
        and settled.payout_id = not_itemized.payout_id
where
    coalesce(in_one_list.payout_id != settled.payout_id, true)
    or not_itemized.payout_id is not null
