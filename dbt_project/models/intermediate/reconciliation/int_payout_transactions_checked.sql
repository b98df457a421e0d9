-- Each row of a payout's list against the ledger, its payout and the other lists. A row is an
-- orphan if the account's transactions were listed after it and do not hold it.
{{ config(materialized='view') }}

with

listed as (

    select * from {{ ref('int_payout_transactions_classified') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

ledger as (

    select * from {{ ref('int_balance_transactions_attributed') }}

),

listings as (

    select * from {{ ref('stg_stripe__payout_listings') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

)

select
    listed.account_id,
    listed.payout_id,
    listed.balance_transaction_id,
    listed.is_left_out,
    listed.type,
    listed.reporting_category,
    listed.currency,
    listed.gross_amount_minor,
    listed.fee_amount_minor,
    listed.net_amount_minor,
    payouts.currency as payout_currency,
    ledger.currency as ledger_currency,
    ledger.gross_amount_minor as ledger_gross_amount_minor,
    ledger.fee_amount_minor as ledger_fee_amount_minor,
    ledger.net_amount_minor as ledger_net_amount_minor,
    not listed.is_left_out and ledger.attribution_status = 'in_two_payouts' as is_in_two_payouts,
    not listed.is_left_out and listed.currency != payouts.currency as is_of_another_currency,
    listed.gross_amount_minor - listed.fee_amount_minor != listed.net_amount_minor
    or listed.gross_amount_minor != ledger.gross_amount_minor
    or listed.fee_amount_minor != ledger.fee_amount_minor
    or listed.net_amount_minor != ledger.net_amount_minor
    or listed.currency != ledger.currency as is_different_in_ledger,
    coalesce(
        not ledger.is_listed_by_created
        and listed.created_at >= coalesce(accounts_read.created_from_at, listed.created_at)
        and listings.listed_at <= accounts_read.transactions_listed_at,
        false
    ) as is_orphan
from listed
inner join payouts
    on listed.account_id = payouts.account_id and listed.payout_id = payouts.payout_id
inner join ledger
    on
        listed.account_id = ledger.account_id
        and listed.balance_transaction_id = ledger.balance_transaction_id
left join listings
    on listed.account_id = listings.account_id and listed.payout_id = listings.payout_id
left join accounts_read on listed.account_id = accounts_read.account_id
