with

source as (

    select * from {{ source('stripe', 'balances') }}

)

select
    account_id,
    id as balance_reading_id,
    currency,
    available as available_amount_minor,
    pending as pending_amount_minor,
    connect_reserved as connect_reserved_amount_minor,
    {{ epoch_to_timestamp('read_at') }} as read_at
from source
