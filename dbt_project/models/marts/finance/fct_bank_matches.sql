with

made as (

    select * from {{ ref('int_bank_matches_made') }}

)

select
    match_id,
    account_id,
    payout_id,
    bank_account_id,
    bank_statement_line_id,
    currency,
    payout_amount_minor,
    line_amount_minor,
    posted_date,
    match_rule,
    match_cardinality,
    days_apart,
    decided_by
from made
