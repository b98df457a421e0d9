{{ config(materialized='view') }}

with

statements as (

    select * from {{ ref('stg_bank__statements') }}

),

sources as (

    select * from {{ ref('int_bank_sources_found') }}

)

select
    statements.source_id,
    statements.statement_number,
    sources.source_file,
    sources.is_whole as is_file_whole,
    statements.bank_account_id,
    statements.currency,
    statements.opening_minor,
    statements.closing_minor,
    statements.sum_minor,
    statements.line_count,
    statements.period_from_date,
    statements.period_through_date,
    statements.is_whole,
    statements.reason
from statements
inner join sources on statements.source_id = sources.source_id
