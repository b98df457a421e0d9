{#
    CTEs that end in `<name>_pairs`: payouts and lines of the islands that hold as many of one as of
    the other, the k-th with the k-th, all of them within the window. Several are paired only where
    they go to one destination and lie on one bank account.
#}
{% macro matched_in_islands(name, payouts, lines) -%}
    {{ name }}_events as (

    select
        bank_pool_id,
        currency,
        amount_minor,
        expected_arrival_date as event_date,
        account_id,
        payout_id,
        cast(null as varchar) as bank_statement_line_id,
        destination_id as payout_owner,
        cast(null as varchar) as line_owner
    from {{ payouts }}

    union all

    select
        bank_pool_id,
        currency,
        amount_minor,
        posted_date as event_date,
        cast(null as varchar) as account_id,
        cast(null as varchar) as payout_id,
        bank_statement_line_id,
        cast(null as varchar) as payout_owner,
        bank_account_id as line_owner
    from {{ lines }}

),

{{ name }}_events_in_order as (

    select
        *,
        lag(event_date) over (
            partition by bank_pool_id, currency, amount_minor
            order by event_date
        ) as date_before
    from {{ name }}_events

),

{{ name }}_events_in_islands as (

    select
        *,
        sum(
            case
                when
                    {{ days_between('date_before', 'event_date') }}
                    <= greatest({{ var('bank_days_before') }}, {{ var('bank_days_after') }})
                    then 0
                else 1
            end
        ) over (
            partition by bank_pool_id, currency, amount_minor
            order by event_date
        ) as island_number
    from {{ name }}_events_in_order

),

{{ name }}_events_placed as (

    select
        *,
        row_number() over (
            partition by
                bank_pool_id, currency, amount_minor, island_number, payout_id is null
            order by event_date, account_id, payout_id, bank_statement_line_id
        ) as place,
        count(payout_id) over (
            partition by bank_pool_id, currency, amount_minor, island_number
        ) as payout_count,
        count(bank_statement_line_id) over (
            partition by bank_pool_id, currency, amount_minor, island_number
        ) as line_count,
        min(payout_owner) over (
            partition by bank_pool_id, currency, amount_minor, island_number
        )
        = max(payout_owner) over (
            partition by bank_pool_id, currency, amount_minor, island_number
        )
        and min(line_owner) over (
            partition by bank_pool_id, currency, amount_minor, island_number
        )
        = max(line_owner) over (
            partition by bank_pool_id, currency, amount_minor, island_number
        ) as has_one_owner_each
    from {{ name }}_events_in_islands

),

{{ name }}_pairs_tried as (

    select
        payouts.account_id,
        payouts.payout_id,
        lines.bank_statement_line_id,
        {{ hashed_id([
            'payouts.bank_pool_id', 'payouts.currency', 'payouts.amount_minor',
            "'" ~ name ~ "'", 'payouts.island_number',
        ]) }} as group_id,
        {{ is_in_bank_window('lines.event_date', 'payouts.event_date') }} as is_near
    from {{ name }}_events_placed as payouts
    inner join {{ name }}_events_placed as lines
        on
            payouts.bank_pool_id = lines.bank_pool_id
            and payouts.currency = lines.currency
            and payouts.amount_minor = lines.amount_minor
            and payouts.island_number = lines.island_number
            and payouts.place = lines.place
    where
        payouts.payout_id is not null
        and lines.bank_statement_line_id is not null
        and payouts.payout_count = payouts.line_count
        and (payouts.payout_count = 1 or payouts.has_one_owner_each)

),

{{ name }}_groups as (

    select group_id
    from {{ name }}_pairs_tried
    group by group_id
    having bool_and(is_near)

),

{{ name }}_pairs as (

    select {{ name }}_pairs_tried.*
    from {{ name }}_pairs_tried
    inner join {{ name }}_groups on {{ name }}_pairs_tried.group_id = {{ name }}_groups.group_id

)
{%- endmacro %}
