-- What moved the balance between a payout that Stripe does not itemise and the one before it. That
-- is what there was to pay out; which of it was paid out nobody can say.
--
-- The ledger is filtered where it is read: an import that stands for several reads would be held in
-- memory as a whole.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

payout_own_rows as (

    select * from {{ ref('int_balance_transactions_attributed') }}
    where is_payout_own_row

),

openings as (

    select * from {{ ref('int_balances_proven') }}

),

manual_payouts as (

    select
        account_id,
        payout_id,
        currency,
        balance_transaction_id,
        created_at,
        lag(created_at) over (
            partition by account_id, currency order by created_at, payout_id
        ) as previous_created_at,
        row_number() over (
            partition by account_id, currency order by created_at, payout_id
        ) as place
    from payouts
    where stripe_reconciliation_status = 'not_applicable'

),

own_rows as (

    select
        manual_payouts.account_id,
        manual_payouts.payout_id,
        payout_own_rows.balance_transaction_id,
        payout_own_rows.net_amount_minor
    from manual_payouts
    inner join payout_own_rows
        on
            manual_payouts.account_id = payout_own_rows.account_id
            and manual_payouts.balance_transaction_id = payout_own_rows.balance_transaction_id

),

moved as (

    select
        manual_payouts.account_id,
        manual_payouts.payout_id,
        count(*) as transaction_count,
        cast(sum(ledger.gross_amount_minor) as bigint) as gross_amount_minor,
        cast(sum(ledger.fee_amount_minor) as bigint) as fee_amount_minor,
        cast(sum(ledger.net_amount_minor) as bigint) as net_amount_minor
    from manual_payouts
    inner join {{ ref('int_balance_transactions_attributed') }} as ledger
        on
            manual_payouts.account_id = ledger.account_id
            and manual_payouts.currency = ledger.currency
            and manual_payouts.created_at >= ledger.created_at
            and (
                manual_payouts.previous_created_at is null
                or manual_payouts.previous_created_at < ledger.created_at
            )
    left join own_rows
        on
            ledger.account_id = own_rows.account_id
            and ledger.balance_transaction_id = own_rows.balance_transaction_id
    where ledger.balance_type = 'payments' and own_rows.payout_id is null
    group by manual_payouts.account_id, manual_payouts.payout_id

),

periods as (

    select
        manual_payouts.account_id,
        manual_payouts.payout_id,
        manual_payouts.currency,
        manual_payouts.created_at,
        manual_payouts.previous_created_at,
        manual_payouts.place,
        coalesce(openings.opening_amount_minor, 0) as history_opening_amount_minor,
        coalesce(moved.transaction_count, 0) as transaction_count,
        coalesce(moved.gross_amount_minor, 0) as gross_amount_minor,
        coalesce(moved.fee_amount_minor, 0) as fee_amount_minor,
        coalesce(moved.net_amount_minor, 0) as net_amount_minor,
        coalesce(own_rows.net_amount_minor, 0) as own_row_net_amount_minor
    from manual_payouts
    left join moved
        on
            manual_payouts.account_id = moved.account_id
            and manual_payouts.payout_id = moved.payout_id
    left join own_rows
        on
            manual_payouts.account_id = own_rows.account_id
            and manual_payouts.payout_id = own_rows.payout_id
    left join openings
        on
            manual_payouts.account_id = openings.account_id
            and manual_payouts.currency = openings.currency

),

with_closing as (

    select
        *,
        history_opening_amount_minor + sum(net_amount_minor + own_row_net_amount_minor) over (
            partition by account_id, currency
            order by place
            rows between unbounded preceding and current row
        ) as closing_amount_minor
    from periods

)

select
    account_id,
    payout_id,
    currency,
    previous_created_at,
    created_at,
    cast(
        closing_amount_minor - net_amount_minor - own_row_net_amount_minor as bigint
    ) as opening_amount_minor,
    transaction_count,
    gross_amount_minor,
    fee_amount_minor,
    net_amount_minor,
    own_row_net_amount_minor,
    cast(closing_amount_minor as bigint) as closing_amount_minor
from with_closing
