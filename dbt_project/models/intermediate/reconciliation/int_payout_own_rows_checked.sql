-- Whether the row that takes each payout off the balance is there once and right. A payout that is
-- still pending may not name one yet, and nobody has looked for it where the account was never read
-- to its end.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

ledger as (

    select * from {{ ref('int_balance_transactions_attributed') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

rows_naming_payout as (

    select
        account_id,
        source_object_id as payout_id,
        count(*) as row_count
    from ledger
    where type = 'payout'
    group by account_id, source_object_id

)

select
    payouts.account_id,
    payouts.payout_id,
    ledger.gross_amount_minor as own_row_gross_amount_minor,
    ledger.fee_amount_minor as own_row_fee_amount_minor,
    ledger.currency as own_row_currency,
    ledger.source_object_id as own_row_source_object_id,
    coalesce(rows_naming_payout.row_count, 0) as own_row_count,
    case
        when
            payouts.balance_transaction_id is null
            and payouts.payout_status = 'pending'
            and payouts.stripe_reconciliation_status != 'completed'
            then 'not_yet'
        when
            ledger.balance_transaction_id is null
            and accounts_read.transactions_listed_at is null
            then 'not_yet'
        when ledger.balance_transaction_id is null then 'missing'
        when
            ledger.gross_amount_minor = -payouts.payout_amount_minor
            and ledger.currency = payouts.currency
            and ledger.source_object_id = payouts.payout_id
            and coalesce(rows_naming_payout.row_count, 0) <= 1
            then 'right'
        else 'mismatched'
    end as own_row_status
from payouts
left join ledger
    on
        payouts.account_id = ledger.account_id
        and payouts.balance_transaction_id = ledger.balance_transaction_id
left join accounts_read on payouts.account_id = accounts_read.account_id
left join rows_naming_payout
    on
        payouts.account_id = rows_naming_payout.account_id
        and payouts.payout_id = rows_naming_payout.payout_id
