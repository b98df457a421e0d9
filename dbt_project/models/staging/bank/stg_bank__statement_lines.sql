with

source as (

    select * from {{ source('bank', 'statement_lines') }}

)

select
    source_id,
    line_number,
    bank_account_id,
    currency,
    amount_minor,
    posted_date,
    value_date,
    is_booked,
    bank_reference,
    end_to_end_id,
    counterparty,
    description,
    type_code
from source
