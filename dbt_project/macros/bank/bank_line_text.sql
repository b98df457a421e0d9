{# All that a bank says in words of a line, in which names are looked for. #}
{% macro bank_line_text(line) -%}
    {{ texts_with_blanks_between([
        line ~ '.counterparty', line ~ '.description', line ~ '.end_to_end_id',
        line ~ '.bank_reference', line ~ '.type_code',
    ]) }}
{%- endmacro %}
