-- One decision for each statement line.
{{ config(materialized='view') }}

with

lines as (

    select * from {{ ref('int_bank_lines_described') }}

),

made as (

    select * from {{ ref('int_bank_matches_made') }}

),

candidates as (

    select * from {{ ref('int_bank_candidates_found') }}

),

-- A line is in one match.
matches as (

    select
        line_key,
        match_id,
        match_status
    from made
    where match_cardinality = 'one_to_one'

    union all

    select
        line_key,
        min(match_id) as match_id,
        max(match_status) as match_status
    from made
    where match_cardinality != 'one_to_one'
    group by line_key

),

undecided as (

    select
        line_key,
        bool_or(candidate_reason = 'amount_mismatch') as is_mismatched
    from candidates
    group by line_key

)

select
    lines.line_key,
    lines.bank_statement_line_id,
    lines.source_id,
    lines.line_number,
    lines.bank_account_id,
    lines.bank_pool_id,
    lines.posted_date,
    lines.amount_minor,
    lines.currency,
    matches.match_id,
    case
        when matches.match_status is not null then matches.match_status
        when lines.is_ignored then 'ignored'
        when not lines.is_booked then 'pending'
        when undecided.is_mismatched then 'amount_mismatch'
        when undecided.line_key is not null then 'ambiguous'
        when lines.is_marked then 'unmatched_stripe'
        else 'unmatched_other'
    end as line_match_status
from lines
left join matches on lines.line_key = matches.line_key
left join undecided on lines.line_key = undecided.line_key
