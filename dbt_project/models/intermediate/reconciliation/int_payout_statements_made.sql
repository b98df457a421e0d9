-- What was said of each payout, once more whenever it changed. Grows with every run and is never
-- rebuilt: what was said before can't be computed again.
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

reconciled as (

    select * from {{ ref('int_payouts_reconciled') }}

),

settled as (

    select * from {{ ref('int_payouts_settled') }}

),

said_now as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.payout_status,
        reconciled.reconciliation_status,
        reconciled.unreconciled_reason,
        reconciled.transaction_count,
        reconciled.net_amount_minor,
        reconciled.difference_minor,
        settled.settlement_status,
        settled.cash_minor,
        settled.returned_in_payout_id,
        {{ hashed_id([
            'payouts.currency', 'payouts.payout_amount_minor', 'payouts.payout_status',
            'reconciled.reconciliation_status', 'reconciled.unreconciled_reason',
            'reconciled.transaction_count', 'reconciled.net_amount_minor',
            'reconciled.difference_minor', 'settled.settlement_status', 'settled.cash_minor',
            'settled.returned_in_payout_id',
        ]) }} as statement_hash
    from payouts
    inner join reconciled
        on
            payouts.account_id = reconciled.account_id
            and payouts.payout_id = reconciled.payout_id
    inner join settled
        on
            payouts.account_id = settled.account_id
            and payouts.payout_id = settled.payout_id

),

said_before as (

    {% if is_incremental() %}
        select
            account_id,
            payout_id,
            statement_number,
            statement_hash,
            row_number() over (
                partition by account_id, payout_id order by statement_number desc
            ) as recency
        from {{ this }}
    {% else %}
        select
            account_id,
            payout_id,
            0 as statement_number,
            statement_hash,
            1 as recency
        from said_now
        where payout_id is null
    {% endif %}

)

select
    said_now.account_id,
    said_now.payout_id,
    cast(coalesce(said_before.statement_number, 0) + 1 as integer) as statement_number,
    {{ as_of_timestamp() }} as said_at,
    said_now.currency,
    said_now.payout_amount_minor,
    said_now.payout_status,
    said_now.reconciliation_status,
    said_now.unreconciled_reason,
    said_now.transaction_count,
    said_now.net_amount_minor,
    said_now.difference_minor,
    said_now.settlement_status,
    said_now.cash_minor,
    said_now.returned_in_payout_id,
    said_now.statement_hash
from said_now
left join said_before
    on
        said_now.account_id = said_before.account_id
        and said_now.payout_id = said_before.payout_id
        and said_before.recency = 1
where
    said_before.statement_hash is null
    or said_before.statement_hash != said_now.statement_hash
