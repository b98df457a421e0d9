-- One decision for each statement line.
with

lines as (

    select * from {{ ref('int_bank_lines_deduplicated') }}

),

described as (

    select * from {{ ref('int_bank_lines_described') }}

),

made as (

    select * from {{ ref('int_bank_matches_made') }}

),

candidates as (

    select * from {{ ref('int_bank_candidates_found') }}

),

matches as (

    select
        bank_statement_line_id,
        min(match_id) as match_id,
        max(match_status) as match_status
    from made
    group by bank_statement_line_id

),

undecided as (

    select
        bank_statement_line_id,
        bool_or(candidate_reason = 'amount_mismatch') as is_mismatched
    from candidates
    group by bank_statement_line_id

)

select
    lines.bank_statement_line_id,
    lines.bank_account_id,
    lines.bank_reference,
    lines.posted_date,
    lines.value_date,
    lines.amount_minor,
    lines.currency,
    lines.counterparty,
    lines.description,
    lines.end_to_end_id,
    lines.source_file,
    described.bank_pool_id,
    matches.match_id,
    case
        when matches.match_status is not null then matches.match_status
        when described.is_ignored then 'ignored'
        when not lines.is_booked then 'pending'
        when undecided.is_mismatched then 'amount_mismatch'
        when undecided.bank_statement_line_id is not null then 'ambiguous'
        when described.is_marked then 'unmatched_stripe'
        else 'unmatched_other'
    end as line_match_status
from lines
inner join described on lines.bank_statement_line_id = described.bank_statement_line_id
left join matches on lines.bank_statement_line_id = matches.bank_statement_line_id
left join undecided on lines.bank_statement_line_id = undecided.bank_statement_line_id
