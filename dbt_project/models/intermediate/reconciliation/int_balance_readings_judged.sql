-- What was said of each reading of a balance when it was read. Grows with every run and is never
-- rebuilt: Stripe has no balance of the past.
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with

proven as (

    select * from {{ ref('int_balances_proven') }}

)

select
    proven.account_id,
    proven.currency,
    proven.read_at,
    proven.proof_basis,
    proven.opening_amount_minor,
    proven.ledger_amount_minor,
    proven.stripe_amount_minor,
    proven.difference_minor,
    proven.proof_status
from proven
where
    proven.proof_status != 'not_readable'
    {% if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as judged
            where
                judged.account_id = proven.account_id
                and judged.currency = proven.currency
                and judged.read_at = proven.read_at
        )
    {% endif %}
