with

source as (

    select * from {{ source('stripe', 'account_syncs') }}

),

completed_loads as (

    select load_id
    from {{ source('stripe', '_dlt_loads') }}
    where status = 0

)

select
    source.account_id,
    source.run_id,
    source.status as access_status,
    source.error as access_error,
    {{ epoch_to_timestamp('source.history_from') }} as history_from_at,
    {{ epoch_to_timestamp('source.created_from') }} as created_from_at,
    {{ epoch_to_timestamp('source.created_through') }} as created_through_at,
    {{ epoch_to_timestamp('source.transactions_listed_at') }} as transactions_listed_at,
    {{ epoch_to_timestamp('source.balance_read_at') }} as balance_read_at,
    {{ epoch_to_timestamp('source.finished_at') }} as finished_at,
    source.moving as moving_amounts_minor,
    source.opening as opening_amounts_minor,
    {{ epoch_to_timestamp('source.opening_read_at') }} as opening_read_at,
    source.run_number
from source
inner join completed_loads on source._dlt_load_id = completed_loads.load_id
