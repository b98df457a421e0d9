-- What is wrong with whole accounts: one should be readable and was not, or its ledger is not the
-- balance that Stripe states.
with

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

proven as (

    select * from {{ ref('int_balances_proven') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

unproven as (

    select
        proven.account_id,
        proven.currency,
        proven.difference_minor,
        proven.proof_basis,
        {{ money_text(
            'proven.difference_minor', 'proven.currency', 'currencies.minor_unit_exponent'
        ) }} as difference_text,
        {{ money_text(
            'proven.stripe_amount_minor', 'proven.currency', 'currencies.minor_unit_exponent'
        ) }} as stripe_text,
        {{ money_text(
            'proven.opening_amount_minor + proven.ledger_amount_minor', 'proven.currency',
            'currencies.minor_unit_exponent'
        ) }} as ledger_text
    from proven
    inner join currencies on proven.currency = currencies.currency
    where proven.proof_status = 'unproven' and not proven.is_baseline

)

select
    {{ hashed_id(["'account_unreadable'", 'account_id']) }} as exception_id,
    'account_unreadable' as exception_type,
    'error' as severity,
    account_id,
    cast(null as string) as payout_id,
    cast(null as string) as balance_transaction_id,
    cast(null as string) as currency,
    cast(null as bigint) as amount_minor,
    cast(null as date) as outstanding_since,
    'The account could not be read to the end: ' || coalesce(access_error, 'no reason was given')
        as explanation
from accounts_read
where access_status = 'failed'

union all

select
    {{ hashed_id(["'balance_unproven'", 'account_id', 'currency']) }} as exception_id,
    'balance_unproven' as exception_type,
    'error' as severity,
    account_id,
    cast(null as string) as payout_id,
    cast(null as string) as balance_transaction_id,
    currency,
    difference_minor as amount_minor,
    cast(null as date) as outstanding_since,
    'Stripe states a balance of ' || stripe_text || ', but the transactions of the account add up '
    || 'to ' || ledger_text || ': a difference of ' || difference_text || '.'
    || case
        when proof_basis = 'since_baseline'
            then
                ' If the first balance held a transaction that Stripe showed only later, an '
                || 'earlier TIEOUT_START_DATE makes them agree.'
        else ''
    end as explanation
from unproven
