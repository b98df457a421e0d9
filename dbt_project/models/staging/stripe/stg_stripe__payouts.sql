with

source as (

    select * from {{ source('stripe', 'payouts') }}

)

select
    account_id,
    id as payout_id,
    currency,
    destination as destination_id,
    balance_transaction as balance_transaction_id,
    failure_balance_transaction as failure_balance_transaction_id,
    original_payout as original_payout_id,
    reversed_by as reversed_by_payout_id,
    status as payout_status,
    reconciliation_status as stripe_reconciliation_status,
    coalesce(method, 'standard') as payout_method,
    source_type,
    type as destination_type,
    description,
    statement_descriptor,
    {{ json_field('trace_id', 'value') }} as trace_id,
    {{ json_field('trace_id', 'status') }} as trace_id_status,
    failure_code,
    amount as payout_amount_minor,
    automatic as is_automatic,
    {{ epoch_to_timestamp('created') }} as created_at,
    cast({{ epoch_to_timestamp('created') }} as date) as created_date,
    cast({{ epoch_to_timestamp('arrival_date') }} as date) as expected_arrival_date
from source
