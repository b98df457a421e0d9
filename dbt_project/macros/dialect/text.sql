{# A text's letters and digits in upper case, without all that stands between them. #}
{% macro letters_and_digits(text) -%}
    {{ return(adapter.dispatch('letters_and_digits')(text)) }}
{%- endmacro %}

{% macro duckdb__letters_and_digits(text) -%}
    regexp_replace(upper({{ text }}), '[^0-9A-Z]', '', 'g')
{%- endmacro %}

{# A text's words in upper case, each between blanks, so that a word can be looked for whole. #}
{% macro words_between_blanks(text) -%}
    {{ return(adapter.dispatch('words_between_blanks')(text)) }}
{%- endmacro %}

{% macro duckdb__words_between_blanks(text) -%}
    (' ' || regexp_replace(upper({{ text }}), '[^0-9A-Z]+', ' ', 'g') || ' ')
{%- endmacro %}

{# In a select list: a row for each word of a text. #}
{% macro each_word(text) -%}
    {{ return(adapter.dispatch('each_word')(text)) }}
{%- endmacro %}

{% macro duckdb__each_word(text) -%}
    unnest(string_split_regex(upper({{ text }}), '[^0-9A-Z]+'))
{%- endmacro %}

{# Whether a text holds something that a regular expression describes. #}
{% macro matches_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{# A text without the zeros that it begins with. #}
{% macro without_leading_zeros(text) -%}
    {{ return(adapter.dispatch('without_leading_zeros')(text)) }}
{%- endmacro %}

{% macro duckdb__without_leading_zeros(text) -%}
    ltrim({{ text }}, '0')
{%- endmacro %}

{# All values of a group in one text, in their order. #}
{% macro joined_in_order(value) -%}
    {{ return(adapter.dispatch('joined_in_order')(value)) }}
{%- endmacro %}

{% macro duckdb__joined_in_order(value) -%}
    string_agg({{ value }}, '|' order by {{ value }})
{%- endmacro %}
