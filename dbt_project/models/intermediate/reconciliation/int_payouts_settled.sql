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

-- The row that the payout names, and all that name the payout as theirs.
returns as (

    select
        payouts.account_id,
        payouts.payout_id,
        ledger.balance_transaction_id,
        ledger.gross_amount_minor,
        ledger.net_amount_minor,
        ledger.currency,
        ledger.balance_type,
        ledger.source_object_id,
        ledger.created_at,
        ledger.payout_id as settled_in_payout_id,
        true as is_named
    from payouts
    inner join {{ ref('int_balance_transactions_attributed') }} as ledger
        on
            payouts.account_id = ledger.account_id
            and payouts.failure_balance_transaction_id = ledger.balance_transaction_id

    union all

    select
        payouts.account_id,
        payouts.payout_id,
        rows_of_returns.balance_transaction_id,
        rows_of_returns.gross_amount_minor,
        rows_of_returns.net_amount_minor,
        rows_of_returns.currency,
        rows_of_returns.balance_type,
        rows_of_returns.source_object_id,
        rows_of_returns.created_at,
        rows_of_returns.payout_id as settled_in_payout_id,
        false as is_named
    from payouts
    inner join rows_of_returns
        on
            payouts.account_id = rows_of_returns.account_id
            and payouts.payout_id = rows_of_returns.source_object_id
    where
        coalesce(
            payouts.failure_balance_transaction_id != rows_of_returns.balance_transaction_id,
            true
        )

),

-- A payout comes back once.
returns_counted as (

    select
        account_id,
        payout_id,
        count(*) as return_row_count
    from returns
    group by account_id, payout_id

),

-- The row that the payout names; where it names none, the first that names the payout.
return_rows as (

    select
        *,
        row_number() over (
            partition by account_id, payout_id
            order by case when is_named then 0 else 1 end, created_at, balance_transaction_id
        ) as choice
    from returns

),

-- A reversal is a payout of its own that takes back what the other one paid; each names the other.
reversals_named as (

    select
        payouts.account_id,
        payouts.payout_id,
        reversals.payout_status,
        coalesce(
            reversals.original_payout_id = payouts.payout_id
            and reversals.payout_id != payouts.payout_id
            and reversals.currency = payouts.currency
            and reversals.payout_amount_minor = -payouts.payout_amount_minor,
            false
        ) as is_right
    from payouts
    left join payouts as reversals
        on
            payouts.account_id = reversals.account_id
            and payouts.reversed_by_payout_id = reversals.payout_id
    where payouts.reversed_by_payout_id is not null

    union all

    select
        reversals.account_id,
        reversals.original_payout_id as payout_id,
        reversals.payout_status,
        false as is_right
    from payouts as reversals
    inner join payouts
        on
            reversals.account_id = payouts.account_id
            and reversals.original_payout_id = payouts.payout_id
    where coalesce(payouts.reversed_by_payout_id != reversals.payout_id, true)

),

reversals as (

    select
        account_id,
        payout_id,
        min(case when is_right then 1 else 0 end) = 1 as is_reversal_right,
        max(case when payout_status in ('failed', 'canceled') then 0 else 1 end) = 1
            as is_reversal_standing
    from reversals_named
    group by account_id, payout_id

),

with_return as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.payout_status,
        return_rows.balance_transaction_id as return_balance_transaction_id,
        return_rows.gross_amount_minor as return_gross_amount_minor,
        return_rows.created_at as failed_at,
        return_rows.settled_in_payout_id as returned_in_payout_id,
        coalesce(returns_counted.return_row_count, 0) as return_row_count,
        payouts.payout_status in ('failed', 'canceled') as is_returnable,
        returns_counted.account_id is not null
        or payouts.failure_balance_transaction_id is not null as is_said_to_be_returned,
        coalesce(
            return_rows.source_object_id = payouts.payout_id
            and return_rows.currency = payouts.currency
            and return_rows.gross_amount_minor
            = coalesce(-own_rows.own_row_gross_amount_minor, payouts.payout_amount_minor)
            and (
                return_rows.net_amount_minor = return_rows.gross_amount_minor
                or return_rows.net_amount_minor = -own_rows.own_row_net_amount_minor
            )
            and return_rows.balance_type
            = coalesce(own_rows.own_row_balance_type, return_rows.balance_type)
            and coalesce(return_rows.settled_in_payout_id != payouts.payout_id, true)
            and returns_counted.return_row_count = 1,
            false
        ) as is_return_right,
        reversals.account_id is not null as is_said_to_be_reversed,
        coalesce(reversals.is_reversal_right, false) as is_reversal_right,
        coalesce(reversals.is_reversal_standing, false) as is_reversal_standing
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
            and (return_rows.is_named or payouts.failure_balance_transaction_id is null)
    left join returns_counted
        on
            payouts.account_id = returns_counted.account_id
            and payouts.payout_id = returns_counted.payout_id
    left join reversals
        on
            payouts.account_id = reversals.account_id
            and payouts.payout_id = reversals.payout_id

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
    is_returnable and not is_return_right as is_return_missing,
    not is_returnable and is_said_to_be_returned as is_return_unexplained,
    is_said_to_be_reversed and not is_reversal_right as is_reversal_wrong,
    case
        when payout_status = 'canceled' then 'canceled'
        when payout_status = 'failed' and not is_return_right then 'failed_return_missing'
        when payout_status = 'failed' and returned_in_payout_id is not null then 'failed_repaid'
        when payout_status = 'failed' then 'failed_in_balance'
        when is_reversal_right and is_reversal_standing then 'reversed'
        when payout_status = 'paid' then 'paid'
        else 'expected'
    end as settlement_status,
    case when payout_status = 'paid' then payout_amount_minor else 0 end as cash_minor
from with_return
