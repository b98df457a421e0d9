{#
    CTEs that end in `<name>_pairs`: payouts and lines of the islands that hold as many of one as of
    the other, the k-th with the k-th, all of them within the window. Several are paired only where
    they go to one destination and lie on one bank account.
#}
{% macro matched_in_islands(name, payouts, lines) -%}
    {{ name }}_days as (

    select
        amount_key,
        event_date
    from {{ payouts }}
    union
    select
        amount_key,
        event_date
    from {{ lines }}

),

{{ name }}_days_in_order as (

    select
        *,
        lag(event_date) over (
            partition by amount_key
            order by event_date
        ) as date_before
    from {{ name }}_days

),

{{ name }}_days_in_islands as (

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
            partition by amount_key
            order by event_date
        ) as island_number
    from {{ name }}_days_in_order

),

{{ name }}_payouts_placed as (

    select
        payouts.amount_key,
        payouts.event_date,
        payouts.payout_key,
        days.island_number,
        row_number() over (
            partition by payouts.amount_key, days.island_number
            order by payouts.event_date, payouts.account_id, payouts.payout_id
        ) as place,
        count(*) over (partition by payouts.amount_key, days.island_number) as payout_count,
        min(payouts.destination_id) over (partition by payouts.amount_key, days.island_number)
        = max(payouts.destination_id) over (partition by payouts.amount_key, days.island_number)
            as has_one_owner
    from {{ payouts }} as payouts
    inner join {{ name }}_days_in_islands as days
        on
            payouts.amount_key = days.amount_key
            and payouts.event_date = days.event_date

),

{{ name }}_lines_placed as (

    select
        bank_lines.amount_key,
        bank_lines.event_date,
        bank_lines.line_key,
        days.island_number,
        row_number() over (
            partition by bank_lines.amount_key, days.island_number
            order by bank_lines.event_date, bank_lines.line_key
        ) as place,
        count(*) over (partition by bank_lines.amount_key, days.island_number) as line_count,
        min(bank_lines.bank_account_id) over (
            partition by bank_lines.amount_key, days.island_number
        )
        = max(bank_lines.bank_account_id) over (
            partition by bank_lines.amount_key, days.island_number
        ) as has_one_owner
    from {{ lines }} as bank_lines
    inner join {{ name }}_days_in_islands as days
        on
            bank_lines.amount_key = days.amount_key
            and bank_lines.event_date = days.event_date

),

{{ name }}_pairs_tried as (

    select
        payouts.payout_key,
        bank_lines.line_key,
        {{ hashed_id(['payouts.amount_key', "'" ~ name ~ "'", 'payouts.island_number']) }}
            as group_id,
        {{ is_in_bank_window('bank_lines.event_date', 'payouts.event_date') }} as is_near
    from {{ name }}_payouts_placed as payouts
    inner join {{ name }}_lines_placed as bank_lines
        on
            payouts.amount_key = bank_lines.amount_key
            and payouts.island_number = bank_lines.island_number
            and payouts.place = bank_lines.place
            and payouts.payout_count = bank_lines.line_count
    where
        payouts.payout_count = 1
        or (payouts.has_one_owner and bank_lines.has_one_owner)

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
