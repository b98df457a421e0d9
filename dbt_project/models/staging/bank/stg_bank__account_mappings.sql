with

source as (

    select * from {{ source('bank', 'account_mappings') }}

)

select
    line_number,
    account_id,
    destination_id,
    currency,
    bank_account_id,
    marker
from source
