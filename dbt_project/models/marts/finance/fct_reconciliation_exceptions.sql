with

found as (

    select * from {{ ref('int_exceptions_found') }}

),

first_seen as (

    select * from {{ ref('int_exceptions_first_seen') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

aged as (

    select
        found.*,
        first_seen.first_seen_at,
        {{ major_units('found.amount_minor', 'currencies.major_per_minor') }} as amount,
        {{ days_outstanding(
            'coalesce(found.outstanding_since, cast(first_seen.first_seen_at as date))'
        ) }} as days_outstanding
    from found
    inner join first_seen on found.exception_id = first_seen.exception_id
    left join currencies on found.currency = currencies.currency

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
    amount,
    first_seen_at,
    days_outstanding,
    {{ aging_bucket('days_outstanding') }} as aging_bucket,
    explanation
from aged
