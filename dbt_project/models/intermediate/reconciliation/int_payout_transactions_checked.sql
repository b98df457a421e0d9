-- Each row of a payout's list against the ledger, its payout and the other lists. A row is an
-- orphan if the account's transactions were listed after it and do not hold it.
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

)

select
    compared.account_id,
    compared.payout_id,
    compared.balance_transaction_id,
    compared.is_left_out,
    compared.type,
    compared.reporting_category,
    compared.currency,
    compared.gross_amount_minor,
    compared.fee_amount_minor,
    compared.net_amount_minor,
    payouts.currency as payout_currency,
    compared.ledger_currency,
    compared.ledger_gross_amount_minor,
    compared.ledger_fee_amount_minor,
    compared.ledger_net_amount_minor,
    compared.is_listed_otherwise,
    not compared.is_left_out and compared.attribution_status = 'in_two_payouts'
        as is_in_two_payouts,
    not compared.is_left_out and compared.currency != payouts.currency as is_of_another_currency,
    compared.gross_amount_minor - compared.fee_amount_minor != compared.net_amount_minor
    or compared.gross_amount_minor != compared.ledger_gross_amount_minor
    or compared.fee_amount_minor != compared.ledger_fee_amount_minor
    or compared.net_amount_minor != compared.ledger_net_amount_minor
    or compared.currency != compared.ledger_currency as is_different_in_ledger,
    coalesce(
        not compared.is_listed_by_created
        and compared.created_at >= coalesce(accounts_read.created_from_at, compared.created_at)
        and listings.listed_at <= accounts_read.transactions_listed_at,
        false
    ) as is_orphan
from compared
inner join payouts
    on compared.account_id = payouts.account_id and compared.payout_id = payouts.payout_id
left join listings
    on compared.account_id = listings.account_id and compared.payout_id = listings.payout_id
left join accounts_read on compared.account_id = accounts_read.account_id
