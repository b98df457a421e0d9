-- Each real line once, however many files hold it. What names a line is the bank's own reference
-- where that is unique in the account; else its content, counted within a file, so that two
-- identical lines of one file stay two and the same line in two files stays one.
with

stored_lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

sources as (

    select * from {{ ref('int_bank_sources_found') }}

),

lines as (

    select
        stored_lines.*,
        sources.source_file
    from stored_lines
    inner join sources on stored_lines.source_id = sources.source_id
    where sources.is_whole

),

references_in_sources as (

    select
        bank_account_id,
        currency,
        bank_reference,
        count(*) as line_count,
        min(posted_date) as first_posted_date,
        max(posted_date) as last_posted_date,
        min(amount_minor) as least_amount_minor,
        max(amount_minor) as most_amount_minor
    from lines
    where is_booked and bank_reference is not null
    group by bank_account_id, currency, bank_reference, source_id

),

-- A reference that a bank gives twice in a file, or to another date or amount, names nothing.
naming_references as (

    select
        bank_account_id,
        currency,
        bank_reference
    from references_in_sources
    group by bank_account_id, currency, bank_reference
    having
        max(line_count) = 1
        and min(first_posted_date) = max(last_posted_date)
        and min(least_amount_minor) = max(most_amount_minor)

),

with_name as (

    select
        lines.*,
        naming_references.bank_reference is not null as is_named_by_reference
    from lines
    left join naming_references
        on
            lines.bank_account_id = naming_references.bank_account_id
            and lines.currency = naming_references.currency
            and lines.bank_reference = naming_references.bank_reference

),

booked_by_reference as (

    select
        *,
        1 as occurrence
    from with_name
    where is_named_by_reference and is_booked

),

-- A line that is still pending, and one of that name is booked, has been overtaken.
by_content as (

    select
        *,
        row_number() over (
            partition by
                source_id, bank_account_id, currency, posted_date, amount_minor, is_booked,
                bank_reference, end_to_end_id, counterparty, description
            order by line_number
        ) as occurrence
    from with_name
    where not is_named_by_reference

),

identified as (

    select
        *,
        {{ hashed_id(["'reference'", 'bank_account_id', 'currency', 'bank_reference']) }}
            as bank_statement_line_id
    from booked_by_reference

    union all

    select
        *,
        {{ hashed_id([
            "'content'", 'bank_account_id', 'currency', 'posted_date', 'amount_minor', 'is_booked',
            'bank_reference', 'end_to_end_id', 'counterparty', 'description', 'occurrence',
        ]) }} as bank_statement_line_id
    from by_content

),

copies_ordered as (

    select
        *,
        row_number() over (
            partition by bank_statement_line_id
            order by source_file, line_number
        ) as copy_number
    from identified

)

select
    bank_statement_line_id,
    bank_account_id,
    currency,
    amount_minor,
    posted_date,
    value_date,
    is_booked,
    bank_reference,
    end_to_end_id,
    counterparty,
    description,
    type_code,
    source_file
from copies_ordered
where copy_number = 1
