-- What a payout held back comes back to the balance, amount for amount, before two more payouts.
with

payouts_counted_back as (

    select
        account_id,
        currency,
        created_at,
        row_number() over (
            partition by account_id, currency order by created_at desc, payout_id desc
        ) as recency
    from {{ ref('stg_stripe__payouts') }}
    where stripe_reconciliation_status = 'completed'

),

holds_due as (

    select
        ledger.account_id,
        ledger.currency,
        -ledger.gross_amount_minor as amount_minor,
        count(*) as hold_count
    from {{ ref('int_balance_transactions_attributed') }} as ledger
    inner join payouts_counted_back
        on
            ledger.account_id = payouts_counted_back.account_id
            and ledger.currency = payouts_counted_back.currency
            and ledger.created_at < payouts_counted_back.created_at
            and payouts_counted_back.recency = 2
    where ledger.type = 'payout_minimum_balance_hold'
    group by ledger.account_id, ledger.currency, ledger.gross_amount_minor

),

releases as (

    select
        account_id,
        currency,
        gross_amount_minor as amount_minor,
        count(*) as release_count
    from {{ ref('int_balance_transactions_attributed') }}
    where type = 'payout_minimum_balance_release'
    group by account_id, currency, gross_amount_minor

)

select
    holds_due.account_id,
    holds_due.currency,
    holds_due.amount_minor,
    holds_due.hold_count,
    coalesce(releases.release_count, 0) as release_count
from holds_due
left join releases
    on
        holds_due.account_id = releases.account_id
        and holds_due.currency = releases.currency
        and holds_due.amount_minor = releases.amount_minor
where holds_due.hold_count > coalesce(releases.release_count, 0)
