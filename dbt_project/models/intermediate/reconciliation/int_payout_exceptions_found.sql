-- What is wrong with whole payouts, one row per payout and kind of exception.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

reconciled as (

    select * from {{ ref('int_payouts_reconciled') }}

),

settled as (

    select * from {{ ref('int_payouts_settled') }}

),

own_rows as (

    select * from {{ ref('int_payout_own_rows_checked') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

evidence as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.balance_transaction_id,
        payouts.payout_status,
        payouts.created_at,
        payouts.created_date,
        payouts.expected_arrival_date,
        reconciled.reconciliation_status,
        reconciled.is_list_whole,
        reconciled.listing_error,
        reconciled.difference_minor,
        reconciled.transaction_count,
        own_rows.own_row_status,
        own_rows.own_row_count,
        settled.return_balance_transaction_id,
        settled.return_gross_amount_minor,
        settled.return_row_count,
        settled.is_return_missing,
        settled.is_return_unexplained,
        settled.is_reversal_wrong,
        {{ money_text(
            'payouts.payout_amount_minor', 'payouts.currency', 'currencies.minor_unit_exponent'
        ) }} as payout_text,
        {{ money_text(
            'reconciled.net_amount_minor', 'payouts.currency', 'currencies.minor_unit_exponent'
        ) }} as net_text,
        {{ money_text(
            'reconciled.difference_minor', 'payouts.currency', 'currencies.minor_unit_exponent'
        ) }} as difference_text,
        coalesce({{ money_text(
            'own_rows.own_row_gross_amount_minor', 'own_rows.own_row_currency',
            'currencies.minor_unit_exponent'
        ) }}, 'nothing') as own_row_text,
        coalesce({{ money_text(
            'settled.return_gross_amount_minor', 'payouts.currency',
            'currencies.minor_unit_exponent'
        ) }}, 'nothing') as return_text
    from payouts
    inner join reconciled
        on
            payouts.account_id = reconciled.account_id
            and payouts.payout_id = reconciled.payout_id
    inner join settled
        on
            payouts.account_id = settled.account_id
            and payouts.payout_id = settled.payout_id
    inner join own_rows
        on
            payouts.account_id = own_rows.account_id
            and payouts.payout_id = own_rows.payout_id
    inner join currencies on payouts.currency = currencies.currency
    -- Amounts are written out for these alone: most payouts have nothing wrong with them.
    where
        reconciled.reconciliation_status in ('unreconciled', 'in_progress')
        or own_rows.own_row_status in ('missing', 'mismatched')
        or settled.is_return_missing
        or settled.is_return_unexplained
        or settled.is_reversal_wrong

),

components_do_not_sum as (

    select
        *,
        'components_do_not_sum' as exception_type,
        'error' as severity,
        difference_minor as amount_minor,
        null as balance_transaction_id_named,
        'The payout is ' || payout_text || ' but its ' || cast(transaction_count as string)
        || ' transactions add up to ' || net_text || ': a difference of ' || difference_text
        || '.' as explanation
    from evidence
    where
        reconciliation_status = 'unreconciled'
        and is_list_whole
        and difference_minor != 0

),

itemization_incomplete as (

    select
        *,
        'itemization_incomplete' as exception_type,
        'error' as severity,
        payout_amount_minor as amount_minor,
        null as balance_transaction_id_named,
        'The list of transactions in this payout of ' || payout_text
        || ' could not be read to its proven end'
        || coalesce(': ' || listing_error, '.') as explanation
    from evidence
    where reconciliation_status = 'unreconciled' and not is_list_whole

),

missing_payout_row as (

    select
        *,
        'missing_payout_row' as exception_type,
        'error' as severity,
        payout_amount_minor as amount_minor,
        balance_transaction_id as balance_transaction_id_named,
        'No balance transaction takes this payout of ' || payout_text
        || ' off the Stripe balance.' as explanation
    from evidence
    where own_row_status = 'missing'

),

payout_row_mismatch as (

    select
        *,
        'payout_row_mismatch' as exception_type,
        'error' as severity,
        payout_amount_minor as amount_minor,
        balance_transaction_id as balance_transaction_id_named,
        case
            when own_row_count > 1
                then
                    cast(own_row_count as string) || ' balance transactions take this payout of '
                    || payout_text || ' off the Stripe balance; there should be one.'
            else
                'The balance transaction of this payout of ' || payout_text
                || ' does not mirror it: it moves ' || own_row_text
                || ', or names another payout or currency.'
        end as explanation
    from evidence
    where own_row_status = 'mismatched'

),

failed_payout_not_returned as (

    select
        *,
        'failed_payout_not_returned' as exception_type,
        'error' as severity,
        payout_amount_minor as amount_minor,
        return_balance_transaction_id as balance_transaction_id_named,
        'The payout of ' || payout_text || ' is ' || payout_status || ', but '
        || case
            when is_return_missing and return_row_count > 1
                then
                    'what came back to the Stripe balance is ' || cast(return_row_count as string)
                    || ' times the money; it should be once.'
            when is_return_missing
                then
                    'what came back to the Stripe balance is ' || return_text
                    || case
                        when return_gross_amount_minor = payout_amount_minor
                            then
                                ', less another fee, of another currency or balance, or paid out '
                                || 'by itself.'
                        else '.'
                    end
            when is_return_unexplained and return_gross_amount_minor is not null
                then return_text || ' came back to the Stripe balance.'
            when is_return_unexplained
                then 'it names a row that gives it back to the Stripe balance.'
            else
                'it and the payout that reverses it do not name each other, or are not of opposite '
                || 'amounts.'
        end as explanation
    from evidence
    where is_return_missing or is_return_unexplained or is_reversal_wrong

),

overdue_itemization as (

    select
        *,
        'overdue_itemization' as exception_type,
        case
            when expected_arrival_date <= {{ as_of_date() }} then 'error'
            else 'warning'
        end as severity,
        payout_amount_minor as amount_minor,
        null as balance_transaction_id_named,
        'Stripe has not yet said which transactions are in this payout of ' || payout_text
        || ', created on ' || cast(created_date as string) || ' and due at the bank on '
        || cast(expected_arrival_date as string) || '.' as explanation
    from evidence
    where
        reconciliation_status = 'in_progress'
        and (
            expected_arrival_date <= {{ as_of_date() }}
            or {{ hours_after('created_at', 24) }} < {{ as_of_timestamp() }}
        )

),

found as (

    select * from components_do_not_sum
    union all
    select * from itemization_incomplete
    union all
    select * from missing_payout_row
    union all
    select * from payout_row_mismatch
    union all
    select * from failed_payout_not_returned
    union all
    select * from overdue_itemization

)

select
    {{ hashed_id(['exception_type', 'account_id', 'payout_id']) }} as exception_id,
    exception_type,
    severity,
    account_id,
    payout_id,
    cast(balance_transaction_id_named as string) as balance_transaction_id,
    currency,
    amount_minor,
    case
        when exception_type in ('overdue_itemization', 'itemization_incomplete')
            then created_date
    end as outstanding_since,
    explanation
from found
