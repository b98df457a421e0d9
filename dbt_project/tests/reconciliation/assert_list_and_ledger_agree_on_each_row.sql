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
    ledger.net_amount_minor as ledger_net_amount_minor
from {{ ref('stg_stripe__payout_transactions') }} as listed
inner join {{ ref('stg_stripe__balance_transactions') }} as ledger
    on
        listed.account_id = ledger.account_id
        and listed.balance_transaction_id = ledger.balance_transaction_id
where
    listed.currency != ledger.currency
    or listed.gross_amount_minor != ledger.gross_amount_minor
    or listed.fee_amount_minor != ledger.fee_amount_minor
    or listed.net_amount_minor != ledger.net_amount_minor
