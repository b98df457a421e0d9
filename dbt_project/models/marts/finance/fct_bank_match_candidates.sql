with

candidates as (

    select * from {{ ref('int_bank_candidates_found') }}

),

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

stored_lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

)

select
    payouts.account_id,
    payouts.payout_id,
    lines.bank_statement_line_id,
    candidates.candidate_reason,
    payouts.currency,
    payouts.payout_amount_minor,
    lines.amount_minor as line_amount_minor,
    lines.bank_account_id,
    lines.posted_date,
    stored_lines.counterparty,
    stored_lines.description
from candidates
inner join payouts on candidates.payout_key = payouts.payout_key
inner join lines on candidates.line_key = lines.line_key
inner join stored_lines
    on
        lines.source_id = stored_lines.source_id
        and lines.line_number = stored_lines.line_number
