-- Whether the row that takes each payout off the balance is there once and right. A payout that is
-- still pending may not name one yet, and nobody has looked for it where the account was never read
-- to its end.
--
-- The ledger is filtered where it is read: an import that stands for several reads would be held in
-- memory as a whole.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

own_rows as (

    select * from {{ ref('int_balance_transactions_attributed') }}
    where is_payout_own_row

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

rows_naming_payout as (

    select
        account_id,
        source_object_id as payout_id,
        count(*) as row_count
    from {{ ref('int_balance_transactions_attributed') }}
    where type = 'payout'
    group by account_id, source_object_id

)

select
    payouts.account_id,
    payouts.payout_id,
    own_rows.gross_amount_minor as own_row_gross_amount_minor,
    own_rows.fee_amount_minor as own_row_fee_amount_minor,
    own_rows.net_amount_minor as own_row_net_amount_minor,
    own_rows.balance_type as own_row_balance_type,
    own_rows.currency as own_row_currency,
    own_rows.source_object_id as own_row_source_object_id,
    coalesce(rows_naming_payout.row_count, 0) as own_row_count,
    case
        when
            payouts.balance_transaction_id is null
            and payouts.payout_status = 'pending'
            and payouts.stripe_reconciliation_status != 'completed'
            then 'not_yet'
        when
            own_rows.balance_transaction_id is null
            and accounts_read.transactions_listed_at is null
            then 'not_yet'
        when own_rows.balance_transaction_id is null then 'missing'
        when
            own_rows.gross_amount_minor = -payouts.payout_amount_minor
            and own_rows.currency = payouts.currency
            and own_rows.source_object_id = payouts.payout_id
            and coalesce(rows_naming_payout.row_count, 0) <= 1
            then 'right'
        else 'mismatched'
    end as own_row_status
from payouts
left join own_rows
    on
        payouts.account_id = own_rows.account_id
        and payouts.balance_transaction_id = own_rows.balance_transaction_id
left join accounts_read on payouts.account_id = accounts_read.account_id
left join rows_naming_payout
    on
        payouts.account_id = rows_naming_payout.account_id
        and payouts.payout_id = rows_naming_payout.payout_id
