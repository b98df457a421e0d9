-- Each real line once, however many files hold it. What names a line is the bank's own reference
-- where that is unique in the account; else its content, counted within a file, so that two
-- identical lines of one file stay two and the same line in two files stays one.
{{ config(materialized='view') }}

{% set reference_id = hashed_id([
    "'reference'", 'bank_account_id', 'currency', 'bank_reference',
]) %}

with

stored_lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

sources as (

    select * from {{ ref('int_bank_sources_found') }}

),

stored_references as (

    select
        source_id,
        bank_account_id,
        currency,
        bank_reference,
        posted_date,
        amount_minor
    from {{ ref('stg_bank__statement_lines') }}
    where is_booked and bank_reference is not null

),

booked_references as (

    select stored_references.*
    from stored_references
    inner join sources on stored_references.source_id = sources.source_id
    where sources.is_whole

),

references_counted as (

    select
        bank_account_id,
        currency,
        bank_reference,
        count(*) as copy_count
    from booked_references
    group by bank_account_id, currency, bank_reference

),

-- Most references stand in one file, and need no second look.
references_in_sources as (

    select
        booked_references.bank_account_id,
        booked_references.currency,
        booked_references.bank_reference,
        count(*) as line_count,
        min(booked_references.posted_date) as first_posted_date,
        max(booked_references.posted_date) as last_posted_date,
        min(booked_references.amount_minor) as least_amount_minor,
        max(booked_references.amount_minor) as most_amount_minor
    from booked_references
    inner join references_counted
        on
            booked_references.bank_account_id = references_counted.bank_account_id
            and booked_references.currency = references_counted.currency
            and booked_references.bank_reference = references_counted.bank_reference
    where references_counted.copy_count > 1
    group by
        booked_references.bank_account_id,
        booked_references.currency,
        booked_references.bank_reference,
        booked_references.source_id

),

-- A reference that a bank gives twice in a file, or to another date or amount, names nothing.
naming_references as (

    select
        bank_account_id,
        currency,
        bank_reference,
        copy_count
    from references_counted
    where copy_count = 1

    union all

    select
        bank_account_id,
        currency,
        bank_reference,
        count(*) as copy_count
    from references_in_sources
    group by bank_account_id, currency, bank_reference
    having
        max(line_count) = 1
        and min(first_posted_date) = max(last_posted_date)
        and min(least_amount_minor) = max(most_amount_minor)

),

with_name as (

    select
        stored_lines.*,
        sources.source_file,
        naming_references.copy_count
    from stored_lines
    inner join sources on stored_lines.source_id = sources.source_id
    left join naming_references
        on
            stored_lines.bank_account_id = naming_references.bank_account_id
            and stored_lines.currency = naming_references.currency
            and stored_lines.bank_reference = naming_references.bank_reference
    where sources.is_whole

),

content_counted as (

    select
        *,
        row_number() over (
            partition by
                source_id, bank_account_id, currency, posted_date, amount_minor, is_booked,
                bank_reference, end_to_end_id, counterparty, description
            order by line_number
        ) as occurrence
    from with_name
    where copy_count is null

),

by_content as (

    select
        *,
        {{ hashed_id([
            "'content'", 'bank_account_id', 'currency', 'posted_date', 'amount_minor', 'is_booked',
            'bank_reference', 'end_to_end_id', 'counterparty', 'description', 'occurrence',
        ]) }} as bank_statement_line_id
    from content_counted

),

-- Only what may have copies is sorted.
with_copies as (

    select
        {{ reference_id }} as bank_statement_line_id,
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
        source_id,
        line_number,
        source_file
    from with_name
    where copy_count > 1 and is_booked

    union all

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
        source_id,
        line_number,
        source_file
    from by_content

),

copies_ordered as (

    select
        *,
        row_number() over (
            partition by bank_statement_line_id
            order by source_file, line_number
        ) as copy_number
    from with_copies

),

-- A line that is still pending, and one of that name is booked, has been overtaken.
once as (

    select
        {{ reference_id }} as bank_statement_line_id,
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
        source_id,
        line_number,
        source_file
    from with_name
    where copy_count = 1 and is_booked

    union all

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
        source_id,
        line_number,
        source_file
    from copies_ordered
    where copy_number = 1

)

select
    {{ narrow_key('bank_statement_line_id') }} as line_key,
    *
from once
