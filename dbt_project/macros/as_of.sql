{#
    The moment that "today" is (UTC). Models never ask the engine's clock. The job sets it in the
    environment and it is asked for when a model runs: a variable that differs, or one asked for
    while the project is read, makes dbt read the project anew, which takes as long as the models.
#}
{% macro as_of_timestamp() -%}
    {%- set set_by_job = env_var("TIEOUT_DBT_AS_OF", "") if execute else "" -%}
    cast(
        '{{ var("as_of") or set_by_job or run_started_at.strftime("%Y-%m-%d %H:%M:%S") }}'
        as timestamp
    )
{%- endmacro %}

{% macro as_of_date() -%}
    cast({{ as_of_timestamp() }} as date)
{%- endmacro %}

{# Calendar days from a date to today; a date after today counts as 0. #}
{% macro days_outstanding(since) -%}
    cast(greatest({{ days_between(since, as_of_date()) }}, 0) as integer)
{%- endmacro %}

{% macro aging_bucket(days) -%}
    case
        when {{ days }} is null then null
        when {{ days }} <= 1 then '0-1'
        when {{ days }} <= 5 then '2-5'
        when {{ days }} <= 10 then '6-10'
        when {{ days }} <= 30 then '11-30'
        else '>30'
    end
{%- endmacro %}
