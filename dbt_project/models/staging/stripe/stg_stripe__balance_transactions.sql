with

source as (

    select * from {{ source('stripe', 'balance_transactions') }}

)

select
    account_id,
    id as balance_transaction_id,
    {{ transaction_columns() }}
from source
