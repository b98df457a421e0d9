-- Every day that payouts or statements touch, per currency, with how many business days there were
-- up to it. A currency whose holidays are not known has weekends only.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

statements as (

    select * from {{ ref('int_bank_statements_found') }}

),

lines as (

    select * from {{ ref('stg_bank__statement_lines') }}

),

sources as (

    select * from {{ ref('int_bank_sources_found') }}

),

holidays as (

    select * from {{ ref('bank_holidays') }}

),

days_touched as (

    select
        currency,
        min(expected_arrival_date) as first_date,
        max(expected_arrival_date) as last_date
    from payouts
    group by currency

    union all

    select
        currency,
        min(period_from_date) as first_date,
        max(period_through_date) as last_date
    from statements
    where is_file_whole
    group by currency

    union all

    select
        lines.currency,
        min(lines.posted_date) as first_date,
        max(lines.posted_date) as last_date
    from lines
    inner join sources on lines.source_id = sources.source_id
    where sources.is_whole
    group by lines.currency

),

spans as (

    select
        currency,
        min(first_date) as first_date,
        max(last_date) as last_date
    from days_touched
    where first_date is not null and last_date is not null
    group by currency

),

-- Two weeks to spare, and twice the grace: a business day in any of them will do.
days as (

    select
        currency,
        {{ each_day(
            days_after('first_date', '-14'),
            days_after('last_date', 14 + 3 * var('bank_grace_business_days') | int)
        ) }} as calendar_date
    from spans

),

with_kind as (

    select
        days.currency,
        days.calendar_date,
        case
            when {{ is_weekend('days.calendar_date') }} or holidays.holiday_date is not null then 0
            else 1
        end as business_day
    from days
    left join holidays
        on days.currency = holidays.currency and days.calendar_date = holidays.holiday_date

)

select
    currency,
    calendar_date,
    business_day = 1 as is_business_day,
    cast(
        sum(business_day) over (
            partition by currency
            order by calendar_date
            rows between unbounded preceding and current row
        ) as integer
    ) as business_day_number
from with_kind
