{{ config(materialized='view') }}

-- Left out of every count and sum, always by id: the payout's own row, and the own rows of the
-- payouts that could be parts of the same settlement.
with

payout_transactions as (

    select * from {{ ref('stg_stripe__payout_transactions') }}

),

settlements as (

    select * from {{ ref('int_payouts_grouped_by_settlement') }}

),

own_rows as (

    select distinct
        account_id,
        settlement_id,
        balance_transaction_id
    from settlements
    where balance_transaction_id is not null

)

select
    payout_transactions.account_id,
    payout_transactions.payout_id,
    payout_transactions.balance_transaction_id,
    {{ transaction_column_names('payout_transactions') }},
    own_rows.balance_transaction_id is not null as is_left_out
from payout_transactions
left join settlements
    on
        payout_transactions.account_id = settlements.account_id
        and payout_transactions.payout_id = settlements.payout_id
left join own_rows
    on
        settlements.account_id = own_rows.account_id
        and settlements.settlement_id = own_rows.settlement_id
        and payout_transactions.balance_transaction_id = own_rows.balance_transaction_id
