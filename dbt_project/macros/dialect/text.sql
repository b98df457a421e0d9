{# A text's letters and digits in upper case, without all that stands between them. They are picked
   first: engines differ in what the upper case of other letters is (`ß`). #}
{% macro letters_and_digits(text) -%}
    {{ return(adapter.dispatch('letters_and_digits')(text)) }}
{%- endmacro %}

{# To look whether there is anything to take out costs a tenth of taking it out. #}
{% macro duckdb__letters_and_digits(text) -%}
    case
        when regexp_full_match({{ text }}, '[0-9A-Z]*') then {{ text }}
        else upper(regexp_replace({{ text }}, '[^0-9A-Za-z]+', '', 'g'))
    end
{%- endmacro %}

{% macro spark__letters_and_digits(text) -%}
    upper(regexp_replace({{ text }}, '[^0-9A-Za-z]+', ''))
{%- endmacro %}

{# A text's words in upper case, each between blanks, so that a word can be looked for whole. #}
{% macro words_between_blanks(text) -%}
    {{ return(adapter.dispatch('words_between_blanks')(text)) }}
{%- endmacro %}

{% macro duckdb__words_between_blanks(text) -%}
    (' ' || trim(upper(regexp_replace({{ text }}, '[^0-9A-Za-z]+', ' ', 'g'))) || ' ')
{%- endmacro %}

{% macro spark__words_between_blanks(text) -%}
    (' ' || trim(upper(regexp_replace({{ text }}, '[^0-9A-Za-z]+', ' '))) || ' ')
{%- endmacro %}

{# In a select list: a row for each word of a text that has so many letters and digits or more. #}
{% macro each_long_word(text, least_length) -%}
    {{ return(adapter.dispatch('each_long_word')(text, least_length)) }}
{%- endmacro %}

{% macro duckdb__each_long_word(text, least_length) -%}
    upper(unnest(regexp_extract_all({{ text }}, '[0-9A-Za-z]{ {{- least_length -}} ,}')))
{%- endmacro %}

{% macro spark__each_long_word(text, least_length) -%}
    explode(transform(
        regexp_extract_all({{ text }}, '([0-9A-Za-z]{ {{- least_length -}} ,})', 1), word -> upper(word)
    ))
{%- endmacro %}

{# A regular expression as a literal, its backslashes as they are. #}
{% macro pattern_literal(text) -%}
    {{ return(adapter.dispatch('pattern_literal')(text)) }}
{%- endmacro %}

{% macro duckdb__pattern_literal(text) -%}
    '{{ text }}'
{%- endmacro %}

{% macro spark__pattern_literal(text) -%}
    r'{{ text }}'
{%- endmacro %}

{# Whether a text holds something that a regular expression describes. #}
{% macro matches_pattern(text, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern')(text, pattern)) }}
{%- endmacro %}

{% macro duckdb__matches_pattern(text, pattern) -%}
    regexp_matches({{ text }}, {{ pattern }})
{%- endmacro %}

{# Where a pattern ignores case, DuckDB does so for every letter: Java has to be told. #}
{% macro spark__matches_pattern(text, pattern) -%}
    ({{ text }} rlike '(?u)' || {{ pattern }})
{%- endmacro %}

{# A text without the zeros that it begins with. #}
{% macro without_leading_zeros(text) -%}
    {{ return(adapter.dispatch('without_leading_zeros')(text)) }}
{%- endmacro %}

{% macro duckdb__without_leading_zeros(text) -%}
    ltrim({{ text }}, '0')
{%- endmacro %}

{% macro spark__without_leading_zeros(text) -%}
    ltrim('0', {{ text }})
{%- endmacro %}

{# Several texts as one; what is absent is left out. #}
{% macro texts_with_blanks_between(texts) -%}
    {{ return(adapter.dispatch('texts_with_blanks_between')(texts)) }}
{%- endmacro %}

{% macro duckdb__texts_with_blanks_between(texts) -%}
    concat_ws(' ', {{ texts | join(', ') }})
{%- endmacro %}

{% macro spark__texts_with_blanks_between(texts) -%}
    concat_ws(' ', {{ texts | join(', ') }})
{%- endmacro %}

{# All values of a group in one text, in their order. #}
{% macro joined_in_order(value) -%}
    {{ return(adapter.dispatch('joined_in_order')(value)) }}
{%- endmacro %}

{% macro duckdb__joined_in_order(value) -%}
    array_to_string(list_sort(list({{ value }})), '|')
{%- endmacro %}

{% macro spark__joined_in_order(value) -%}
    nullif(array_join(array_sort(collect_list({{ value }})), '|'), '')
{%- endmacro %}
