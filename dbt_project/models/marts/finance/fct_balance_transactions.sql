{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    meta={'builds_changes': true},
    pre_hook="{{ begin_changes() }}",
    post_hook="{{ keep_fingerprints() }}",
) }}
-- depends_on: {{ ref('int_builds_scoped') }}, {{ ref('int_balance_transactions_changed') }}
-- depends_on: {{ ref('int_raw_rows_fingerprinted') }}

with

-- What this build made anew stands together: to look for its ids among all takes ten times as long.
transactions as (

    select * from {{ ref('int_balance_transactions_attributed') }}
    {% if is_incremental() %}
        where build_id = {{ this_build() }}
    {% endif %}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    transactions.account_id,
    transactions.balance_transaction_id,
    transactions.payout_id,
    payouts.payout_status,
    transactions.attribution_status,
    transactions.type,
    transactions.reporting_category,
    transactions.currency,
    transactions.gross_amount_minor,
    transactions.fee_amount_minor,
    transactions.net_amount_minor,
    {{ major_units('transactions.net_amount_minor', 'currencies.major_per_minor') }}
        as net_amount,
    transactions.created_at,
    transactions.available_on_date,
    transactions.source_object_id,
    transactions.description,
    transactions.balance_type,
    transactions.is_available,
    transactions.exchange_rate
from transactions
inner join currencies on transactions.currency = currencies.currency
left join payouts
    on
        transactions.account_id = payouts.account_id
        and transactions.payout_id = payouts.payout_id
