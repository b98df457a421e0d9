-- Accounts that should be readable and were not.
with

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

)

select
    {{ hashed_id(["'account_unreadable'", 'account_id']) }} as exception_id,
    'account_unreadable' as exception_type,
    'error' as severity,
    account_id,
    cast(null as varchar) as payout_id,
    cast(null as varchar) as balance_transaction_id,
    cast(null as varchar) as currency,
    cast(null as bigint) as amount_minor,
    cast(null as date) as outstanding_since,
    'The account could not be read to the end: ' || coalesce(access_error, 'no reason was given')
        as explanation
from accounts_read
where access_status = 'failed'
