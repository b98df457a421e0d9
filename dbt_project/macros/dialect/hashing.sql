{# A stable id made of several ids: nulls and order matter, amounts never go in. #}
{% macro hashed_id(columns) -%}
    {{ return(adapter.dispatch('hashed_id')(columns)) }}
{%- endmacro %}

{% macro duckdb__hashed_id(columns) -%}
    md5(concat_ws('|', {% for column in columns -%}
        coalesce(cast({{ column }} as varchar), '-'){{ ', ' if not loop.last }}
    {%- endfor %}))
{%- endmacro %}
