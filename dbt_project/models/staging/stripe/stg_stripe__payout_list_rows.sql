-- The rows of payouts' lists as they were loaded: whoever needs a few picks them here, before
-- anything is computed of all.
{{ config(materialized='view') }}

with

-- Not called `source`: Stripe has a column of that name.
rows_loaded as (

    select * from {{ source('stripe', 'payout_transactions') }}

)

select
    account_id,
    payout_id,
    id,
    amount,
    available_on,
    balance_type,
    created,
    currency,
    description,
    exchange_rate,
    fee,
    fee_details,
    net,
    reporting_category,
    source,
    type
from rows_loaded
