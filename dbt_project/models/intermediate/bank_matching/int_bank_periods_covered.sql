-- From when through when the statements of an account cover it without a business day between. A
-- statement without a stated period covers the days of its lines.
with

statements as (

    select * from {{ ref('int_bank_statements_found') }}

),

lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

bank_accounts as (

    select * from {{ ref('int_bank_accounts_mapped') }}

),

days as (

    select * from {{ ref('int_business_days_numbered') }}

),

line_periods as (

    select
        source_id,
        bank_account_id,
        currency,
        min(posted_date) as first_posted_date,
        max(posted_date) as last_posted_date
    from lines
    group by source_id, bank_account_id, currency

),

-- Each once: of two that are the same, the windows below could each take the other for the first.
periods as (

    select distinct
        statements.bank_account_id,
        statements.currency,
        coalesce(statements.period_from_date, line_periods.first_posted_date) as from_date,
        coalesce(statements.period_through_date, line_periods.last_posted_date) as through_date
    from statements
    left join line_periods
        on
            statements.source_id = line_periods.source_id
            and statements.bank_account_id = line_periods.bank_account_id
            and statements.currency = line_periods.currency
    where statements.is_file_whole

),

-- Business days before the first day, and through the last.
periods_numbered as (

    select
        periods.bank_account_id,
        periods.currency,
        periods.from_date,
        periods.through_date,
        first_days.business_day_number
        - case when first_days.is_business_day then 1 else 0 end as business_days_before,
        last_days.business_day_number as business_days_through
    from periods
    inner join days as first_days
        on
            periods.currency = first_days.currency
            and periods.from_date = first_days.calendar_date
    inner join days as last_days
        on
            periods.currency = last_days.currency
            and periods.through_date = last_days.calendar_date
    where periods.from_date <= periods.through_date

),

with_reach as (

    select
        *,
        max(business_days_through) over (
            partition by bank_account_id, currency
            order by from_date, through_date
            rows between unbounded preceding and 1 preceding
        ) as business_days_reached
    from periods_numbered

),

with_island as (

    select
        *,
        sum(case when business_days_before <= business_days_reached then 0 else 1 end) over (
            partition by bank_account_id, currency
            order by from_date, through_date
            rows between unbounded preceding and current row
        ) as island_number
    from with_reach

)

select
    with_island.bank_account_id,
    with_island.currency,
    bank_accounts.bank_pool_id,
    min(with_island.from_date) as covered_from_date,
    max(with_island.through_date) as covered_through_date,
    min(with_island.business_days_before) as business_days_before,
    max(with_island.business_days_through) as business_days_through
from with_island
inner join bank_accounts
    on
        with_island.bank_account_id = bank_accounts.bank_account_id
        and with_island.currency = bank_accounts.currency
group by
    with_island.bank_account_id,
    with_island.currency,
    bank_accounts.bank_pool_id,
    with_island.island_number
