{# What each engine says in its own words. Dates are UTC whatever the session's time zone is. #}

{% macro epoch_to_timestamp(seconds) -%}
    {{ return(adapter.dispatch('epoch_to_timestamp')(seconds)) }}
{%- endmacro %}

{% macro duckdb__epoch_to_timestamp(seconds) -%}
    make_timestamp({{ seconds }} * 1000000)
{%- endmacro %}

{% macro days_between(from_date, to_date) -%}
    {{ return(adapter.dispatch('days_between')(from_date, to_date)) }}
{%- endmacro %}

{% macro duckdb__days_between(from_date, to_date) -%}
    date_diff('day', {{ from_date }}, {{ to_date }})
{%- endmacro %}

{% macro hours_after(instant, hours) -%}
    {{ return(adapter.dispatch('hours_after')(instant, hours)) }}
{%- endmacro %}

{% macro duckdb__hours_after(instant, hours) -%}
    {{ instant }} + interval ({{ hours }}) hour
{%- endmacro %}
