with

accounts as (

    select * from {{ ref('stg_stripe__accounts') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

)

select
    accounts.account_id,
    accounts.account_name,
    accounts.country,
    accounts.default_currency,
    accounts.account_type,
    accounts.is_platform_account,
    accounts_read.access_status,
    accounts_read.access_error,
    accounts_read.history_from_at as synced_from,
    accounts_read.created_through_at as synced_through
from accounts
inner join accounts_read on accounts.account_id = accounts_read.account_id
