-- Every currency that Stripe documents or the data holds. One that is not documented is taken to
-- have two decimals and is shown as undocumented.
with

documented as (

    select * from {{ ref('currencies') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

transactions as (

    select * from {{ ref('int_balance_transactions_attributed') }}

),

listed as (

    select * from {{ ref('stg_stripe__payout_transactions') }}

),

balances as (

    select * from {{ ref('stg_stripe__balances') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

openings as (

    {{ opening_currencies('accounts_read') }}

),

bank_statements as (

    select * from {{ ref('stg_bank__statements') }}
    where currency is not null

),

met as (

    select currency from payouts
    union
    select currency from transactions
    union
    select currency from listed
    union
    select currency from balances
    union
    select currency from openings
    union
    select currency from bank_statements

)

select
    coalesce(documented.currency, met.currency) as currency,
    coalesce(documented.minor_unit_exponent, 2) as minor_unit_exponent,
    coalesce(documented.major_per_minor, 0.010) as major_per_minor,
    documented.currency is not null as is_documented
from documented
full outer join met on documented.currency = met.currency
