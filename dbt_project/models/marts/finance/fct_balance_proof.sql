with

proven as (

    select * from {{ ref('int_balances_proven') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    proven.account_id,
    proven.currency,
    proven.proof_status,
    proven.proof_basis,
    proven.read_at,
    proven.opening_amount_minor,
    proven.ledger_amount_minor,
    proven.stripe_amount_minor,
    proven.difference_minor,
    {{ major_units('proven.stripe_amount_minor', 'currencies.major_per_minor') }}
        as stripe_amount
from proven
inner join currencies on proven.currency = currencies.currency
