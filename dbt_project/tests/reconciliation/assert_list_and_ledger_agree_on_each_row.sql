select
    listed.account_id,
    listed.payout_id,
    listed.balance_transaction_id,
    listed.currency,
    listed.gross_amount_minor,
    listed.fee_amount_minor,
    listed.net_amount_minor,
    ledger.currency as ledger_currency,
    ledger.gross_amount_minor as ledger_gross_amount_minor,
    ledger.fee_amount_minor as ledger_fee_amount_minor,
    ledger.net_amount_minor as ledger_net_amount_minor,
    listed.type,
    listed.reporting_category,
    listed.balance_type,
    listed.created_at,
    listed.source_object_id,
    ledger.type as ledger_type,
    ledger.reporting_category as ledger_reporting_category,
    ledger.balance_type as ledger_balance_type,
    ledger.created_at as ledger_created_at,
    ledger.source_object_id as ledger_source_object_id
from {{ ref('stg_stripe__payout_transactions') }} as listed
inner join {{ ref('stg_stripe__balance_transactions') }} as ledger
    on
        listed.account_id = ledger.account_id
        and listed.balance_transaction_id = ledger.balance_transaction_id
where
    not coalesce(
        listed.currency = ledger.currency
        and listed.gross_amount_minor = ledger.gross_amount_minor
        and listed.fee_amount_minor = ledger.fee_amount_minor
        and listed.net_amount_minor = ledger.net_amount_minor
        and listed.type = ledger.type
        and listed.reporting_category = ledger.reporting_category
        and listed.balance_type = ledger.balance_type
        and listed.created_at = ledger.created_at
        and coalesce(listed.source_object_id, '-') = coalesce(ledger.source_object_id, '-'),
        false
    )
