with

source as (

    select * from {{ source('stripe', 'accounts') }}

)

select
    account_id,
    coalesce(business_name, dashboard_name, account_id) as account_name,
    country,
    default_currency,
    type as account_type,
    is_platform_account,
    charges_enabled as is_charges_enabled,
    payouts_enabled as is_payouts_enabled,
    {{ epoch_to_timestamp('created') }} as created_at
from source
