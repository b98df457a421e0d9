with

source as (

    select * from {{ source('bank', 'match_overrides') }}

)

select
    line_number,
    account_id,
    payout_id,
    bank_statement_line_id,
    note
from source
