with

source as (

    select * from {{ source('stripe', 'payout_transactions') }}

)

select
    account_id,
    payout_id,
    id as balance_transaction_id,
    {{ transaction_columns() }}
from source
