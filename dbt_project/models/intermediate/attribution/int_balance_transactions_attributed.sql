-- Each balance transaction in exactly one payout, or why not. Attribution is Stripe's word alone:
-- the list of a payout. Nothing is inferred from dates or amounts.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'builds_changes': true},
    pre_hook="{{ begin_changes() }}",
) }}
-- depends_on: {{ ref('int_balance_transactions_changed') }}

with

transactions as (

    select * from {{ ref('int_balance_transactions_united') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

own_rows as (

    select
        account_id,
        balance_transaction_id,
        max(
            case when stripe_reconciliation_status in ('completed', 'in_progress') then 1 else 0 end
        ) = 1 as is_of_itemized_payout
    from payouts
    where balance_transaction_id is not null
    group by account_id, balance_transaction_id

),

payouts_by_currency as (

    {{ payouts_by_currency('payouts') }}

),

situations as (

    select
        transactions.account_id,
        transactions.balance_transaction_id,
        {{ transaction_column_names('transactions') }},
        transactions.is_listed_by_created,
        transactions.first_payout_id,
        transactions.last_payout_id,
        transactions.listed_in_payout_id,
        transactions.is_left_out,
        transactions.is_listed_otherwise,
        own_rows.balance_transaction_id is not null as is_payout_own_row,
        coalesce(
            transactions.first_payout_id = transactions.last_payout_id
            and not coalesce(own_rows.is_of_itemized_payout, false),
            false
        ) as is_in_one_payout,
        transactions.available_on_date <= {{ as_of_date() }} as is_available,
        {{ is_followed_by_manual_payouts_only('transactions', 'payouts_by_currency') }}
            as is_followed_by_manual_payouts_only
    from transactions
    left join own_rows
        on
            transactions.account_id = own_rows.account_id
            and transactions.balance_transaction_id = own_rows.balance_transaction_id
    left join payouts_by_currency
        on
            transactions.account_id = payouts_by_currency.account_id
            and transactions.currency = payouts_by_currency.currency

)

select
    account_id,
    balance_transaction_id,
    {{ transaction_column_names() }},
    is_listed_by_created,
    listed_in_payout_id,
    is_left_out,
    is_listed_otherwise,
    is_payout_own_row,
    is_available,
    -- The own row of a payout that Stripe itemizes is in that one's list: no other may count it.
    case
        when is_in_one_payout then 'settled'
        when first_payout_id is not null then 'in_two_payouts'
        when is_payout_own_row then 'payout'
        when balance_type != 'payments' then 'other_balance'
        when is_available and is_followed_by_manual_payouts_only then 'not_attributable'
        else 'unsettled'
    end as attribution_status,
    case when is_in_one_payout then first_payout_id end as payout_id,
    {{ this_build() }} as build_id
from situations
