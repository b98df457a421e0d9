with

source as (

    select * from {{ source('stripe', 'payout_listings') }}

),

completed_loads as (

    select load_id
    from {{ source('stripe', '_dlt_loads') }}
    where status = 0

)

select
    source.account_id,
    source.id as payout_id,
    source.reconciliation_status_seen as stripe_reconciliation_status_seen,
    source.is_whole,
    source.row_count,
    source.error as listing_error,
    {{ epoch_to_timestamp('source.listed_at') }} as listed_at
from source
inner join completed_loads on source._dlt_load_id = completed_loads.load_id
