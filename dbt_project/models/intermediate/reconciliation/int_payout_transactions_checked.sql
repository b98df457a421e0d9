-- Each row of a payout's list against the ledger, its payout and the other lists. The tests look at
-- all of them; what needs a few picks those first and asks the same of them, which is faster.
{{ config(materialized='view') }}

with

compared as (

    select * from {{ ref('int_payout_transactions_compared') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

listings as (

    select * from {{ ref('stg_stripe__payout_listings') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

payouts_read as (

    {{ payouts_read('payouts', 'listings', 'accounts_read') }}

)

{{ list_rows_checked('compared', 'payouts_read') }}
