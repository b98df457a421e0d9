-- When each exception was first seen. Grows with every run and is never rebuilt: what was seen
-- before can't be computed again.
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with

found as (

    select * from {{ ref('int_exceptions_found') }}

)

select distinct
    exception_id,
    {{ as_of_timestamp() }} as first_seen_at
from found
{% if is_incremental() %}
    where exception_id not in (select seen.exception_id from {{ this }} as seen)
{% endif %}
