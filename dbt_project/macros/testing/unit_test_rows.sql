{#
    On Spark the rows of a unit test are one list of values. In dbt's own way, a union of one select
    for each row, each row is a task of the cluster's.
#}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
    {{ return(adapter.dispatch('get_fixture_sql', 'tieout')(rows, column_name_to_data_types)) }}
{% endmacro %}

{% macro default__get_fixture_sql(rows, column_name_to_data_types) %}
    {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
{% endmacro %}

{# What a row does not say is null, as in dbt's own way. #}
{% macro spark__get_fixture_sql(rows, column_name_to_data_types) %}
    {%- set types = {} -%}
    {%- set quoted = {} -%}
    {%- set nothing_said = {} -%}
    {%- for column in adapter.get_columns_in_relation(this) -%}
        {%- do types.update({column.name: column.data_type}) -%}
        {%- do quoted.update({column.name: column.quoted}) -%}
        {%- do nothing_said.update({column.name: none}) -%}
    {%- endfor -%}
    {%- set whole_rows = [] -%}
    {%- for row in rows or [{}] -%}
        {%- do whole_rows.append(dict(nothing_said, **row)) -%}
    {%- endfor -%}
    {{ return(rows_as_values(whole_rows, types, quoted) ~ ('' if rows else ' limit 0')) }}
{% endmacro %}

{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {{ return(adapter.dispatch('get_expected_sql', 'tieout')(
        rows, column_name_to_data_types, column_name_to_quoted
    )) }}
{% endmacro %}

{% macro default__get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {{ return(dbt.get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted)) }}
{% endmacro %}

{% macro spark__get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
    {%- if not rows -%}
        {{ return(dbt.get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted)) }}
    {%- endif -%}
    {{ return(rows_as_values(rows, column_name_to_data_types, column_name_to_quoted)) }}
{% endmacro %}

{% macro rows_as_values(rows, types, quoted) %}
    {%- set tuples = [] -%}
    {%- for row in rows -%}
        {%- do tuples.append('(' ~ format_row(row, types).values() | join(', ') ~ ')') -%}
    {%- endfor -%}
    {%- set names = [] -%}
    {%- for name in rows[0] -%}
        {%- do names.append(quoted[name]) -%}
    {%- endfor -%}
    {%- set columns = 'unit_test_rows (' ~ names | join(', ') ~ ')' -%}
    {{ return('select * from values ' ~ tuples | join(', ') ~ ' as ' ~ columns) }}
{% endmacro %}
