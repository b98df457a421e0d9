with

candidates as (

    select * from {{ ref('int_bank_candidates_found') }}

),

lines as (

    select * from {{ ref('int_bank_lines_decided') }}

)

select
    candidates.account_id,
    candidates.payout_id,
    candidates.bank_statement_line_id,
    candidates.candidate_reason,
    candidates.currency,
    candidates.payout_amount_minor,
    lines.amount_minor as line_amount_minor,
    lines.bank_account_id,
    lines.posted_date,
    lines.counterparty,
    lines.description
from candidates
inner join lines on candidates.bank_statement_line_id = lines.bank_statement_line_id
