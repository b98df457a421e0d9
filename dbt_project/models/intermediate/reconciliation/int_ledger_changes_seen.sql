-- By how much each month of each ledger changed from run to run, so that a month that was closed
-- stays as it was: what comes late is booked in the month in which it was seen. Grows with every
-- run and is never rebuilt: when a row was first seen can't be computed again.
{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}

with

ledger as (

    select * from {{ ref('int_balance_transactions_attributed') }}

),

-- Of an account that can't be read some rows may be missing: what is read of it later is not late.
accounts_read as (

    select
        account_id,
        coalesce(history_from_at, cast('1970-01-01' as timestamp)) as history_from_at
    from {{ ref('int_accounts_read') }}
    where access_status = 'readable'

),

sums as (

    select
        ledger.account_id,
        accounts_read.history_from_at,
        ledger.currency,
        ledger.reporting_category,
        {{ month_of('ledger.created_at') }} as created_month,
        count(*) as transaction_count,
        cast(sum(ledger.gross_amount_minor) as bigint) as gross_amount_minor,
        cast(sum(ledger.fee_amount_minor) as bigint) as fee_amount_minor,
        cast(sum(ledger.net_amount_minor) as bigint) as net_amount_minor
    from ledger
    inner join accounts_read on ledger.account_id = accounts_read.account_id
    where
        ledger.balance_type = 'payments'
        and ledger.created_at >= accounts_read.history_from_at
    group by
        ledger.account_id,
        accounts_read.history_from_at,
        ledger.currency,
        ledger.reporting_category,
        {{ month_of('ledger.created_at') }}

),

changes_before as (

    {% if is_incremental() %}
        select changes.*
        from {{ this }} as changes
        inner join accounts_read
            on
                changes.account_id = accounts_read.account_id
                and changes.history_from_at = accounts_read.history_from_at
    {% else %}
        select
            sums.*,
            sums.created_month as seen_month,
            false as is_late,
            0 as change_number
        from sums
        where sums.transaction_count < 0
    {% endif %}

),

sums_before as (

    select
        account_id,
        history_from_at,
        currency,
        reporting_category,
        created_month,
        count(*) as change_count,
        sum(transaction_count) as transaction_count,
        sum(gross_amount_minor) as gross_amount_minor,
        sum(fee_amount_minor) as fee_amount_minor,
        sum(net_amount_minor) as net_amount_minor
    from changes_before
    group by account_id, history_from_at, currency, reporting_category, created_month

),

-- A month is closed once a run was made in a later one.
months_closed as (

    select
        account_id,
        max(seen_month) as open_month
    from changes_before
    group by account_id

),

changes as (

    select
        coalesce(sums.account_id, sums_before.account_id) as account_id,
        coalesce(sums.history_from_at, sums_before.history_from_at) as history_from_at,
        coalesce(sums.currency, sums_before.currency) as currency,
        coalesce(sums.reporting_category, sums_before.reporting_category) as reporting_category,
        coalesce(sums.created_month, sums_before.created_month) as created_month,
        cast(
            coalesce(sums.transaction_count, 0) - coalesce(sums_before.transaction_count, 0)
            as bigint
        ) as transaction_count,
        cast(
            coalesce(sums.gross_amount_minor, 0) - coalesce(sums_before.gross_amount_minor, 0)
            as bigint
        ) as gross_amount_minor,
        cast(
            coalesce(sums.fee_amount_minor, 0) - coalesce(sums_before.fee_amount_minor, 0)
            as bigint
        ) as fee_amount_minor,
        cast(
            coalesce(sums.net_amount_minor, 0) - coalesce(sums_before.net_amount_minor, 0)
            as bigint
        ) as net_amount_minor,
        sums_before.change_count as changes_before
    from sums
    full outer join sums_before
        on
            sums.account_id = sums_before.account_id
            and sums.history_from_at = sums_before.history_from_at
            and sums.currency = sums_before.currency
            and sums.reporting_category = sums_before.reporting_category
            and sums.created_month = sums_before.created_month

)

select
    changes.account_id,
    changes.history_from_at,
    changes.currency,
    changes.reporting_category,
    changes.created_month,
    changes.transaction_count,
    changes.gross_amount_minor,
    changes.fee_amount_minor,
    changes.net_amount_minor,
    greatest(
        {{ month_of(as_of_date()) }},
        coalesce(months_closed.open_month, {{ month_of(as_of_date()) }})
    ) as seen_month,
    coalesce(changes.created_month < months_closed.open_month, false) as is_late,
    coalesce(changes.changes_before, 0) + 1 as change_number
from changes
left join months_closed on changes.account_id = months_closed.account_id
where
    changes.transaction_count != 0
    or changes.gross_amount_minor != 0
    or changes.fee_amount_minor != 0
    or changes.net_amount_minor != 0
