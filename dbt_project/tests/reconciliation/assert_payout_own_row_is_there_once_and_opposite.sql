with

-- Where the account was never read to its end, nobody has looked for the row.
accounts_read as (

    select distinct account_id
    from {{ ref('stg_stripe__account_syncs') }}
    where access_status = 'readable'

),

payouts as (

    select payouts.*
    from {{ ref('stg_stripe__payouts') }} as payouts
    inner join accounts_read on payouts.account_id = accounts_read.account_id
    where
        payouts.balance_transaction_id is not null
        or payouts.payout_status != 'pending'
        or payouts.stripe_reconciliation_status = 'completed'

),

-- Both ways a row can reach us; `union` makes one of two equal copies.
rows_about_payouts as (

    select
        ledger.account_id,
        ledger.balance_transaction_id,
        ledger.source_object_id,
        ledger.currency,
        ledger.gross_amount_minor
    from {{ ref('stg_stripe__balance_transactions') }} as ledger
    left join payouts
        on
            ledger.account_id = payouts.account_id
            and ledger.balance_transaction_id = payouts.balance_transaction_id
    where ledger.type = 'payout' or payouts.payout_id is not null

    union

    select
        listed.account_id,
        listed.balance_transaction_id,
        listed.source_object_id,
        listed.currency,
        listed.gross_amount_minor
    from {{ ref('stg_stripe__payout_transactions') }} as listed
    left join payouts
        on
            listed.account_id = payouts.account_id
            and listed.balance_transaction_id = payouts.balance_transaction_id
    where listed.type = 'payout' or payouts.payout_id is not null

),

rows_found as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.balance_transaction_id,
        count(distinct rows_about_payouts.balance_transaction_id) as row_count,
        count(
            distinct case
                when
                    rows_about_payouts.balance_transaction_id = payouts.balance_transaction_id
                    and rows_about_payouts.currency = payouts.currency
                    and rows_about_payouts.gross_amount_minor = -payouts.payout_amount_minor
                    then rows_about_payouts.balance_transaction_id
            end
        ) as right_row_count
    from payouts
    left join rows_about_payouts
        on
            payouts.account_id = rows_about_payouts.account_id
            and payouts.payout_id = rows_about_payouts.source_object_id
    group by
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.balance_transaction_id

)

select *
from rows_found
where row_count != 1 or right_row_count != 1
