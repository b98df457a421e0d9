-- Each ledger from month to month: what it opened with, what moved it, what it closed with. Months
-- follow the `created` of a transaction (UTC), the date on which Stripe moved the balance.
with

changes as (

    select * from {{ ref('int_ledger_changes_seen') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

categories as (

    select * from {{ ref('reporting_categories') }}

),

proven as (

    select * from {{ ref('int_balances_proven') }}

),

readings as (

    select * from {{ ref('int_balance_readings_judged') }}

),

changes_of_history as (

    {{ ledger_lines('changes', 'accounts_read', 'categories') }}

),

bounds_of_changes as (

    select
        account_id,
        currency,
        min(created_month) as first_month,
        greatest(max(created_month), max(seen_month)) as last_month
    from changes_of_history
    group by account_id, currency

),

-- What an account held before its history, and nothing has moved since.
openings_unmoved as (

    select
        proven.account_id,
        proven.currency,
        {{ month_of('accounts_read.history_from_at') }} as only_month
    from proven
    inner join accounts_read on proven.account_id = accounts_read.account_id
    left join bounds_of_changes
        on
            proven.account_id = bounds_of_changes.account_id
            and proven.currency = bounds_of_changes.currency
    where
        proven.opening_amount_minor != 0
        and accounts_read.history_from_at is not null
        and bounds_of_changes.account_id is null

),

bounds as (

    select
        account_id,
        currency,
        first_month,
        last_month
    from bounds_of_changes

    union all

    select
        account_id,
        currency,
        only_month as first_month,
        only_month as last_month
    from openings_unmoved

),

months as (

    select
        account_id,
        currency,
        first_month,
        {{ each_month('first_month', 'last_month') }} as month_start_date
    from bounds

),

in_time as (

    select
        account_id,
        currency,
        created_month as month_start_date,
        sum(case when rollforward_line = 'charge' then gross_amount_minor else 0 end)
            as charge_amount_minor,
        sum(case when rollforward_line = 'refund' then gross_amount_minor else 0 end)
            as refund_amount_minor,
        sum(case when rollforward_line = 'dispute' then gross_amount_minor else 0 end)
            as dispute_amount_minor,
        sum(
            case when rollforward_line = 'fee' then gross_amount_minor else 0 end
            - fee_amount_minor
        ) as fee_amount_minor,
        sum(case when rollforward_line = 'transfer' then gross_amount_minor else 0 end)
            as transfer_amount_minor,
        sum(case when rollforward_line = 'adjustment' then gross_amount_minor else 0 end)
            as adjustment_amount_minor,
        -sum(case when rollforward_line = 'payout' then gross_amount_minor else 0 end)
            as payout_amount_minor,
        sum(case when rollforward_line = 'returned_payout' then gross_amount_minor else 0 end)
            as returned_payout_amount_minor,
        -- What does not add up in itself (gross less fee is not net) is an exception, and is here.
        sum(net_amount_minor - gross_amount_minor + fee_amount_minor)
            as unexplained_amount_minor,
        sum(net_amount_minor) as net_amount_minor
    from changes_of_history
    where not is_late
    group by account_id, currency, created_month

),

late as (

    select
        account_id,
        currency,
        seen_month as month_start_date,
        sum(net_amount_minor) as prior_period_minor
    from changes_of_history
    where is_late
    group by account_id, currency, seen_month

),

openings as (

    select
        account_id,
        currency,
        opening_amount_minor,
        case when proof_status = 'proven' then read_at end as proven_at
    from proven

),

moved as (

    select
        months.account_id,
        months.currency,
        months.month_start_date,
        coalesce(openings.opening_amount_minor, 0) as history_opening_amount_minor,
        openings.proven_at,
        {{ last_day_of_month('months.month_start_date') }} as month_end_date,
        {% for line in [
            'charge_amount_minor', 'refund_amount_minor', 'dispute_amount_minor',
            'fee_amount_minor', 'transfer_amount_minor', 'payout_amount_minor',
            'returned_payout_amount_minor', 'net_amount_minor',
        ] -%}
            coalesce(in_time.{{ line }}, 0) as {{ line }},
        {% endfor -%}
        coalesce(in_time.adjustment_amount_minor + in_time.unexplained_amount_minor, 0)
            as adjustment_amount_minor,
        coalesce(late.prior_period_minor, 0) as prior_period_minor
    from months
    left join in_time
        on
            months.account_id = in_time.account_id
            and months.currency = in_time.currency
            and months.month_start_date = in_time.month_start_date
    left join late
        on
            months.account_id = late.account_id
            and months.currency = late.currency
            and months.month_start_date = late.month_start_date
    left join openings
        on
            months.account_id = openings.account_id
            and months.currency = openings.currency

),

rolled as (

    select
        *,
        history_opening_amount_minor + sum(net_amount_minor + prior_period_minor) over (
            partition by account_id, currency
            order by month_start_date
            rows between unbounded preceding and current row
        ) as closing_amount_minor
    from moved

),

-- A proven balance that was read after a month had ended proves what the month closed with.
readings_after_month_end as (

    select
        rolled.account_id,
        rolled.currency,
        rolled.month_start_date,
        min(readings.read_at) as read_at
    from rolled
    inner join readings
        on
            rolled.account_id = readings.account_id
            and rolled.currency = readings.currency
            and rolled.month_end_date < cast(readings.read_at as date)
    where readings.proof_status = 'proven'
    group by rolled.account_id, rolled.currency, rolled.month_start_date

)

select
    rolled.account_id,
    rolled.currency,
    rolled.month_start_date,
    rolled.month_end_date,
    cast(
        rolled.closing_amount_minor - rolled.net_amount_minor - rolled.prior_period_minor
        as bigint
    ) as opening_amount_minor,
    cast(rolled.charge_amount_minor as bigint) as charge_amount_minor,
    cast(rolled.refund_amount_minor as bigint) as refund_amount_minor,
    cast(rolled.dispute_amount_minor as bigint) as dispute_amount_minor,
    cast(rolled.fee_amount_minor as bigint) as fee_amount_minor,
    cast(rolled.transfer_amount_minor as bigint) as transfer_amount_minor,
    cast(rolled.adjustment_amount_minor as bigint) as adjustment_amount_minor,
    cast(rolled.payout_amount_minor as bigint) as payout_amount_minor,
    cast(rolled.returned_payout_amount_minor as bigint) as returned_payout_amount_minor,
    cast(rolled.prior_period_minor as bigint) as prior_period_minor,
    cast(rolled.closing_amount_minor as bigint) as closing_amount_minor,
    coalesce(readings_after_month_end.read_at, rolled.proven_at) as tied_to_reading_at
from rolled
left join readings_after_month_end
    on
        rolled.account_id = readings_after_month_end.account_id
        and rolled.currency = readings_after_month_end.currency
        and rolled.month_start_date = readings_after_month_end.month_start_date
