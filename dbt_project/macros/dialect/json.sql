{# The text of one field of a JSON object. #}
{% macro json_field(document, field) -%}
    {{ return(adapter.dispatch('json_field')(document, field)) }}
{%- endmacro %}

{% macro duckdb__json_field(document, field) -%}
    {{ document }} ->> '{{ field }}'
{%- endmacro %}

{# The sum of one integer field over a JSON array; null where there is no array. #}
{% macro json_array_sum(document, field) -%}
    {{ return(adapter.dispatch('json_array_sum')(document, field)) }}
{%- endmacro %}

{% macro duckdb__json_array_sum(document, field) -%}
    case
        when json_type({{ document }}) = 'ARRAY'
            then coalesce(
                list_sum(cast(json_extract({{ document }}, '$[*].{{ field }}') as bigint[])), 0
            )
    end
{%- endmacro %}
