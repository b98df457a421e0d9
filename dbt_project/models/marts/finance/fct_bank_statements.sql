with

statements as (

    select * from {{ ref('int_bank_statements_found') }}

)

select
    source_id as bank_source_id,
    statement_number,
    source_file,
    bank_account_id,
    currency,
    period_from_date,
    period_through_date,
    line_count,
    opening_minor,
    sum_minor,
    closing_minor,
    is_whole,
    is_file_whole,
    reason
from statements
