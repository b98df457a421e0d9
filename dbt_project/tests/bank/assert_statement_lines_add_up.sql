-- The lines loaded of each whole file are as many as it said, add up to what it said, and lead from
-- its opening to its closing balance. Found anew from staging.
with

said as (

    select
        statements.source_id,
        statements.bank_account_id,
        statements.currency,
        sum(statements.line_count) as line_count,
        sum(statements.sum_minor) as sum_minor,
        max(
            case
                when statements.opening_minor + statements.sum_minor != statements.closing_minor
                    then 1
                else 0
            end
        ) as broken_statements
    from {{ ref('stg_bank__statements') }} as statements
    where
        statements.source_id not in (
            select files.source_id from {{ ref('stg_bank__statement_files') }} as files
            where not files.is_whole
        )
    group by statements.source_id, statements.bank_account_id, statements.currency

),

loaded as (

    select
        source_id,
        bank_account_id,
        currency,
        count(*) as line_count,
        sum(case when is_booked then amount_minor else 0 end) as sum_minor
    from {{ ref('stg_bank__statement_lines') }}
    group by source_id, bank_account_id, currency

)

select
    said.source_id,
    said.bank_account_id,
    said.currency,
    said.line_count,
    said.sum_minor,
    coalesce(loaded.line_count, 0) as loaded_line_count,
    coalesce(loaded.sum_minor, 0) as loaded_sum_minor
from said
left join loaded
    on
        said.source_id = loaded.source_id
        and said.bank_account_id = loaded.bank_account_id
        and said.currency = loaded.currency
where
    said.broken_statements > 0
    or said.line_count != coalesce(loaded.line_count, 0)
    or said.sum_minor != coalesce(loaded.sum_minor, 0)
