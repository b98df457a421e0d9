-- What matching has to know of each line: its pool, and whether it speaks of Stripe. What else the
-- bank says of it is not stored again.
with

lines as (

    select * from {{ ref('int_bank_lines_deduplicated') }}

),

stored_lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

bank_accounts as (

    select * from {{ ref('int_bank_accounts_mapped') }}

),

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

overrides as (

    select * from {{ ref('stg_bank__match_overrides') }}

),

ignored_lines as (

    select distinct bank_statement_line_id
    from overrides
    where payout_id is null

),

with_text as (

    select
        lines.line_key,
        lines.bank_statement_line_id,
        lines.source_id,
        lines.line_number,
        lines.bank_account_id,
        lines.currency,
        lines.amount_minor,
        lines.posted_date,
        lines.is_booked,
        ignored_lines.bank_statement_line_id is not null as is_ignored,
        bank_accounts.bank_pool_id,
        bank_accounts.marker,
        bank_accounts.is_marker_plain,
        {{ bank_line_text('lines') }} as line_text
    from lines
    inner join bank_accounts
        on
            lines.bank_account_id = bank_accounts.bank_account_id
            and lines.currency = bank_accounts.currency
    left join ignored_lines
        on lines.bank_statement_line_id = ignored_lines.bank_statement_line_id

),

-- What a merchant's payouts are called on its statements, where that is not Stripe's own name.
brands as (

    select distinct
        bank_pool_id,
        currency,
        {{ words_between_blanks('statement_descriptor') }} as brand_words
    from payouts
    where
        bank_pool_id is not null
        and descriptor_name is null
        and length({{ letters_and_digits('statement_descriptor') }}) >= 5

),

brand_pools as (

    select distinct
        bank_pool_id,
        currency
    from brands

),

-- The words of a line are found once, however many brands its pool has.
lines_of_brand_pools as (

    select
        stored_lines.source_id,
        stored_lines.line_number,
        bank_accounts.bank_pool_id,
        bank_accounts.currency,
        {{ words_between_blanks(bank_line_text('stored_lines')) }} as line_words
    from stored_lines
    inner join bank_accounts
        on
            stored_lines.bank_account_id = bank_accounts.bank_account_id
            and stored_lines.currency = bank_accounts.currency
    inner join brand_pools
        on
            bank_accounts.bank_pool_id = brand_pools.bank_pool_id
            and bank_accounts.currency = brand_pools.currency

),

branded_lines as (

    select distinct
        bank_lines.source_id,
        bank_lines.line_number
    from lines_of_brand_pools as bank_lines
    inner join brands
        on
            bank_lines.bank_pool_id = brands.bank_pool_id
            and bank_lines.currency = brands.currency
    where position(brands.brand_words in bank_lines.line_words) > 0

)

select
    with_text.line_key,
    with_text.bank_statement_line_id,
    with_text.source_id,
    with_text.line_number,
    with_text.bank_account_id,
    with_text.bank_pool_id,
    with_text.currency,
    with_text.amount_minor,
    with_text.posted_date,
    with_text.is_booked,
    with_text.is_ignored,
    -- A pattern that stands in the query is prepared once, one that stands in a row for each row.
    (with_text.source_id, with_text.line_number) in (
        select
            branded_lines.source_id,
            branded_lines.line_number
        from branded_lines
    )
    or case
        when with_text.marker is null
            then {{ matches_pattern('with_text.line_text', pattern_literal(var('bank_marker'))) }}
        when with_text.is_marker_plain then position(with_text.marker in with_text.line_text) > 0
        else {{ matches_pattern('with_text.line_text', 'with_text.marker') }}
    end as is_marked
from with_text
