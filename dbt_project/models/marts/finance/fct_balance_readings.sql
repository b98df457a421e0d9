with

readings as (

    select * from {{ ref('int_balance_readings_judged') }}

)

select
    account_id,
    currency,
    read_at,
    proof_status,
    proof_basis,
    opening_amount_minor,
    ledger_amount_minor,
    stripe_amount_minor,
    difference_minor
from readings
