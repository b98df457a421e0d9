{# All that a bank says in words of a line, in which names are looked for. #}
{% macro bank_line_text(line) -%}
    coalesce({{ line }}.counterparty, '')
    || ' ' || coalesce({{ line }}.description, '')
    || ' ' || coalesce({{ line }}.end_to_end_id, '')
    || ' ' || coalesce({{ line }}.bank_reference, '')
    || ' ' || coalesce({{ line }}.type_code, '')
{%- endmacro %}
