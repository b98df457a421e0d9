{# What each engine says in its own words. Dates are UTC whatever the session's time zone is. #}

{% macro epoch_to_timestamp(seconds) -%}
    {{ return(adapter.dispatch('epoch_to_timestamp')(seconds)) }}
{%- endmacro %}

{% macro duckdb__epoch_to_timestamp(seconds) -%}
    make_timestamp({{ seconds }} * 1000000)
{%- endmacro %}

{% macro spark__epoch_to_timestamp(seconds) -%}
    timestamp_seconds({{ seconds }})
{%- endmacro %}

{% macro days_between(from_date, to_date) -%}
    {{ return(adapter.dispatch('days_between')(from_date, to_date)) }}
{%- endmacro %}

{% macro duckdb__days_between(from_date, to_date) -%}
    date_diff('day', {{ from_date }}, {{ to_date }})
{%- endmacro %}

{% macro spark__days_between(from_date, to_date) -%}
    datediff({{ to_date }}, {{ from_date }})
{%- endmacro %}

{% macro hours_after(instant, hours) -%}
    {{ return(adapter.dispatch('hours_after')(instant, hours)) }}
{%- endmacro %}

{% macro duckdb__hours_after(instant, hours) -%}
    {{ instant }} + interval ({{ hours }}) hour
{%- endmacro %}

{% macro spark__hours_after(instant, hours) -%}
    {{ instant }} + make_dt_interval(0, {{ hours }})
{%- endmacro %}

{% macro seconds_after(instant, seconds) -%}
    {{ return(adapter.dispatch('seconds_after')(instant, seconds)) }}
{%- endmacro %}

{% macro duckdb__seconds_after(instant, seconds) -%}
    {{ instant }} + interval ({{ seconds }}) second
{%- endmacro %}

{% macro spark__seconds_after(instant, seconds) -%}
    {{ instant }} + make_dt_interval(0, 0, 0, {{ seconds }})
{%- endmacro %}

{% macro month_of(instant) -%}
    {{ return(adapter.dispatch('month_of')(instant)) }}
{%- endmacro %}

{% macro duckdb__month_of(instant) -%}
    cast(date_trunc('month', {{ instant }}) as date)
{%- endmacro %}

{% macro spark__month_of(instant) -%}
    cast(date_trunc('month', {{ instant }}) as date)
{%- endmacro %}

{% macro last_day_of_month(month) -%}
    {{ return(adapter.dispatch('last_day_of_month')(month)) }}
{%- endmacro %}

{% macro duckdb__last_day_of_month(month) -%}
    last_day({{ month }})
{%- endmacro %}

{% macro spark__last_day_of_month(month) -%}
    last_day({{ month }})
{%- endmacro %}

{# In a select list: a row for each month between two days, both months included. #}
{% macro each_month(first_day, last_day) -%}
    {{ return(adapter.dispatch('each_month')(first_day, last_day)) }}
{%- endmacro %}

{% macro duckdb__each_month(first_day, last_day) -%}
    cast(
        unnest(
            generate_series(
                date_trunc('month', cast({{ first_day }} as timestamp)),
                date_trunc('month', cast({{ last_day }} as timestamp)),
                interval 1 month
            )
        ) as date
    )
{%- endmacro %}

{% macro spark__each_month(first_day, last_day) -%}
    explode(sequence(cast(date_trunc('month', {{ first_day }}) as date), cast(date_trunc('month', {{ last_day }}) as date), interval 1 month))
{%- endmacro %}

{# The date some days later; a negative number is earlier. #}
{% macro days_after(day, days) -%}
    {{ return(adapter.dispatch('days_after')(day, days)) }}
{%- endmacro %}

{% macro duckdb__days_after(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro spark__days_after(day, days) -%}
    date_add({{ day }}, cast({{ days }} as int))
{%- endmacro %}

{# In a select list: a row for each day between two days, both included. #}
{% macro each_day(first_day, last_day) -%}
    {{ return(adapter.dispatch('each_day')(first_day, last_day)) }}
{%- endmacro %}

{% macro duckdb__each_day(first_day, last_day) -%}
    cast(
        unnest(
            generate_series(
                cast({{ first_day }} as timestamp),
                cast({{ last_day }} as timestamp),
                interval 1 day
            )
        ) as date
    )
{%- endmacro %}

{% macro spark__each_day(first_day, last_day) -%}
    explode(sequence(cast({{ first_day }} as date), cast({{ last_day }} as date), interval 1 day))
{%- endmacro %}

{# Whether a date is a Saturday or a Sunday. #}
{% macro is_weekend(day) -%}
    {{ return(adapter.dispatch('is_weekend')(day)) }}
{%- endmacro %}

{% macro duckdb__is_weekend(day) -%}
    (isodow({{ day }}) > 5)
{%- endmacro %}

{% macro spark__is_weekend(day) -%}
    (weekday({{ day }}) > 4)
{%- endmacro %}
