with

source as (

    select * from {{ source('bank', 'statements') }}

)

select
    source_id,
    statement_number,
    bank_account_id,
    currency,
    opening_minor,
    closing_minor,
    sum_minor,
    line_count,
    period_from as period_from_date,
    period_through as period_through_date,
    is_whole,
    reason
from source
