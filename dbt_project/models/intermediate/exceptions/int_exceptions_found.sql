-- Every open exception, under an id that stays the same from run to run: made of its type and of
-- the ids that it is about, never of amounts.
with

found as (

    select
        exception_id,
        exception_type,
        severity,
        account_id,
        payout_id,
        balance_transaction_id,
        cast(null as string) as bank_statement_line_id,
        currency,
        amount_minor,
        outstanding_since,
        explanation
    from {{ ref('int_payout_exceptions_found') }}

    union all

    select
        exception_id,
        exception_type,
        severity,
        account_id,
        payout_id,
        balance_transaction_id,
        cast(null as string) as bank_statement_line_id,
        currency,
        amount_minor,
        outstanding_since,
        explanation
    from {{ ref('int_transaction_exceptions_found') }}

    union all

    select
        exception_id,
        exception_type,
        severity,
        account_id,
        payout_id,
        balance_transaction_id,
        cast(null as string) as bank_statement_line_id,
        currency,
        amount_minor,
        outstanding_since,
        explanation
    from {{ ref('int_account_exceptions_found') }}

    union all

    select
        exception_id,
        exception_type,
        severity,
        account_id,
        payout_id,
        cast(null as string) as balance_transaction_id,
        bank_statement_line_id,
        currency,
        amount_minor,
        outstanding_since,
        explanation
    from {{ ref('int_bank_exceptions_found') }}

)

select
    exception_id,
    exception_type,
    severity,
    account_id,
    payout_id,
    balance_transaction_id,
    bank_statement_line_id,
    currency,
    amount_minor,
    outstanding_since,
    explanation
from found
