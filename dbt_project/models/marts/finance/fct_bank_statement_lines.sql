with

lines as (

    select * from {{ ref('int_bank_lines_deduplicated') }}

),

decided as (

    select * from {{ ref('int_bank_lines_decided') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    lines.bank_statement_line_id,
    lines.bank_account_id,
    lines.bank_reference,
    lines.posted_date,
    lines.value_date,
    lines.amount_minor,
    {{ major_units('lines.amount_minor', 'currencies.major_per_minor') }} as amount,
    lines.currency,
    lines.counterparty,
    lines.description,
    lines.end_to_end_id,
    decided.line_match_status,
    decided.match_id,
    lines.source_file
from lines
inner join decided on lines.line_key = decided.line_key
inner join currencies on lines.currency = currencies.currency
