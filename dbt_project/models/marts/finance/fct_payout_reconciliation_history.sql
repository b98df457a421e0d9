with

statements as (

    select * from {{ ref('int_payout_statements_made') }}

)

select
    account_id,
    payout_id,
    statement_number,
    said_at,
    lead(said_at) over (
        partition by account_id, payout_id order by statement_number
    ) as said_until,
    currency,
    payout_amount_minor,
    payout_status,
    reconciliation_status,
    unreconciled_reason,
    transaction_count,
    net_amount_minor,
    difference_minor,
    settlement_status,
    cash_minor,
    returned_in_payout_id
from statements
