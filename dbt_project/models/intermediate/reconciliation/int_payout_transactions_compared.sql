-- Each row of a payout's list beside the ledger's copy of it. What is listed plainly is read from
-- the ledger, which says the same; the few other rows are looked up in the lists.
{{ config(materialized='view') }}

with

listed_plainly as (

    select
        account_id,
        listed_in_payout_id as payout_id,
        balance_transaction_id,
        is_left_out,
        type,
        reporting_category,
        currency,
        gross_amount_minor,
        fee_amount_minor,
        net_amount_minor,
        created_at,
        currency as ledger_currency,
        gross_amount_minor as ledger_gross_amount_minor,
        fee_amount_minor as ledger_fee_amount_minor,
        net_amount_minor as ledger_net_amount_minor,
        false as is_described_otherwise,
        is_listed_by_created,
        attribution_status,
        is_listed_otherwise
    from {{ ref('int_balance_transactions_attributed') }}
    where listed_in_payout_id is not null

),

listed_otherwise as (

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
        listed.created_at,
        ledger.currency as ledger_currency,
        ledger.gross_amount_minor as ledger_gross_amount_minor,
        ledger.fee_amount_minor as ledger_fee_amount_minor,
        ledger.net_amount_minor as ledger_net_amount_minor,
        not coalesce(
            listed.type = ledger.type
            and listed.reporting_category = ledger.reporting_category
            and listed.balance_type = ledger.balance_type
            and listed.created_at = ledger.created_at
            and coalesce(listed.source_object_id, '-') = coalesce(ledger.source_object_id, '-'),
            false
        ) as is_described_otherwise,
        ledger.is_listed_by_created,
        ledger.attribution_status,
        ledger.is_listed_otherwise
    from {{ ref('int_payout_transactions_classified') }} as listed
    inner join {{ ref('int_balance_transactions_attributed') }} as ledger
        on
            listed.account_id = ledger.account_id
            and listed.balance_transaction_id = ledger.balance_transaction_id
    where ledger.is_listed_otherwise

)

select * from listed_plainly
union all
select * from listed_otherwise
