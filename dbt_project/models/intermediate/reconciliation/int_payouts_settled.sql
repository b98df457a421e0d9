-- What became of each payout's money: on its way, paid, given back, sent again.
--
-- The ledger is filtered where it is read: an import that stands for several reads would be held in
-- memory as a whole.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

rows_of_returns as (

    select * from {{ ref('int_balance_transactions_attributed') }}
    where type in ('payout_failure', 'payout_cancel')

),

own_rows as (

    select * from {{ ref('int_payout_own_rows_checked') }}

),

returnable_payouts as (

    select * from payouts
    where payout_status in ('failed', 'canceled')

),

return_candidates as (

    select
        returnable_payouts.account_id,
        returnable_payouts.payout_id,
        ledger.balance_transaction_id,
        ledger.gross_amount_minor,
        ledger.currency,
        ledger.source_object_id,
        ledger.created_at,
        ledger.payout_id as settled_in_payout_id
    from returnable_payouts
    inner join {{ ref('int_balance_transactions_attributed') }} as ledger
        on
            returnable_payouts.account_id = ledger.account_id
            and returnable_payouts.failure_balance_transaction_id
            = ledger.balance_transaction_id

    union all

    select
        returnable_payouts.account_id,
        returnable_payouts.payout_id,
        rows_of_returns.balance_transaction_id,
        rows_of_returns.gross_amount_minor,
        rows_of_returns.currency,
        rows_of_returns.source_object_id,
        rows_of_returns.created_at,
        rows_of_returns.payout_id as settled_in_payout_id
    from returnable_payouts
    inner join rows_of_returns
        on
            returnable_payouts.account_id = rows_of_returns.account_id
            and returnable_payouts.payout_id = rows_of_returns.source_object_id
    where returnable_payouts.failure_balance_transaction_id is null

),

-- The row that the payout names; where it names none, the first that names the payout.
return_rows as (

    select
        *,
        row_number() over (
            partition by account_id, payout_id
            order by created_at, balance_transaction_id
        ) as choice
    from return_candidates

),

-- A payout comes back once: rows that name it as theirs, whatever the payout names.
returns_counted as (

    select
        returnable_payouts.account_id,
        returnable_payouts.payout_id,
        count(*) as return_row_count
    from returnable_payouts
    inner join rows_of_returns
        on
            returnable_payouts.account_id = rows_of_returns.account_id
            and returnable_payouts.payout_id = rows_of_returns.source_object_id
    group by returnable_payouts.account_id, returnable_payouts.payout_id

),

with_return as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.payout_status,
        payouts.reversed_by_payout_id,
        return_rows.balance_transaction_id as return_balance_transaction_id,
        return_rows.gross_amount_minor as return_gross_amount_minor,
        return_rows.created_at as failed_at,
        return_rows.settled_in_payout_id as returned_in_payout_id,
        coalesce(returns_counted.return_row_count, 0) as return_row_count,
        coalesce(
            return_rows.source_object_id = payouts.payout_id
            and return_rows.currency = payouts.currency
            and return_rows.gross_amount_minor
            = coalesce(-own_rows.own_row_gross_amount_minor, payouts.payout_amount_minor)
            and coalesce(returns_counted.return_row_count, 0) <= 1,
            false
        ) as is_return_right
    from payouts
    inner join own_rows
        on
            payouts.account_id = own_rows.account_id
            and payouts.payout_id = own_rows.payout_id
    left join return_rows
        on
            payouts.account_id = return_rows.account_id
            and payouts.payout_id = return_rows.payout_id
            and return_rows.choice = 1
    left join returns_counted
        on
            payouts.account_id = returns_counted.account_id
            and payouts.payout_id = returns_counted.payout_id

)

select
    account_id,
    payout_id,
    currency,
    payout_amount_minor,
    payout_status,
    return_balance_transaction_id,
    return_gross_amount_minor,
    return_row_count,
    failed_at,
    returned_in_payout_id,
    payout_status in ('failed', 'canceled') and not is_return_right as is_return_missing,
    case
        when payout_status = 'canceled' then 'canceled'
        when payout_status = 'failed' and not is_return_right then 'failed_return_missing'
        when payout_status = 'failed' and returned_in_payout_id is not null then 'failed_repaid'
        when payout_status = 'failed' then 'failed_in_balance'
        when reversed_by_payout_id is not null then 'reversed'
        when payout_status = 'paid' then 'paid'
        else 'expected'
    end as settlement_status,
    case when payout_status = 'paid' then payout_amount_minor else 0 end as cash_minor
from with_return
