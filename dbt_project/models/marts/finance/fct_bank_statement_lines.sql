with

lines as (

    select * from {{ ref('int_bank_lines_decided') }}

),

stored_lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

sources as (

    select * from {{ ref('int_bank_sources_found') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    lines.bank_statement_line_id,
    lines.bank_account_id,
    stored_lines.bank_reference,
    lines.posted_date,
    stored_lines.value_date,
    lines.amount_minor,
    {{ major_units('lines.amount_minor', 'currencies.major_per_minor') }} as amount,
    lines.currency,
    stored_lines.counterparty,
    stored_lines.description,
    stored_lines.end_to_end_id,
    lines.line_match_status,
    lines.match_id,
    sources.source_file
from lines
inner join stored_lines
    on
        lines.source_id = stored_lines.source_id
        and lines.line_number = stored_lines.line_number
inner join sources on lines.source_id = sources.source_id
inner join currencies on lines.currency = currencies.currency
