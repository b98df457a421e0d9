{#
    Tables and views replaced in one transaction. dbt's own way for DuckDB (build under another
    name, rename twice, drop) takes five statements, each with a Jinja context of its own, and the
    transaction two more: two thirds of the time of a small run. A reader sees the old or the new
    either way.
#}
{% materialization table, adapter='duckdb' %}
    {{ return(replaced_in_one_transaction('table')) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(replaced_in_one_transaction('view')) }}
{% endmaterialization %}

{#
    A table that goes on from the last build: the hooks, and what the query adds, in one transaction.
    dbt's own way takes some twenty statements, and writes what is added twice. What the table has no
    column for is refused.
#}
{% materialization incremental, adapter='duckdb' %}
    {%- if config.get('incremental_strategy') != 'append' -%}
        {{ exceptions.raise_compiler_error(this ~ ': rows are only added here (append)') }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type='table') -%}
    {% call statement('main') -%}
        {{ hooks_rendered(pre_hooks) }}
        {% if is_incremental() -%}
            insert into {{ target_relation }} by name (
                {{ sql }}
            );
        {%- else -%}
            {{ replaced(target_relation, load_cached_relation(this), sql) }}
        {%- endif %}
        {{ hooks_rendered(post_hooks) }}
    {%- endcall %}
    {%- do adapter.commit() -%}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{% macro hooks_rendered(hooks) %}
    {%- for hook in hooks -%}
        {{ render(hook.sql) }}
    {%- endfor -%}
{% endmacro %}

{% macro replaced_in_one_transaction(kind) %}
    {%- if pre_hooks or post_hooks -%}
        {{ exceptions.raise_compiler_error(kind ~ ' ' ~ this ~ ': hooks are not run here') }}
    {%- endif -%}
    {%- set target_relation = this.incorporate(type=kind) -%}
    {% call statement('main', auto_begin=False) -%}
        begin transaction;
        {{ replaced(target_relation, load_cached_relation(this), sql) }}
        commit;
    {%- endcall %}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}

{% macro replaced(relation, existing_relation, sql) %}
    {%- if existing_relation is not none %}
        drop {{ existing_relation.type }} if exists {{ existing_relation }};
    {%- endif %}
    {{ get_create_view_as_sql(relation, sql) if relation.is_view
        else create_table_as(False, relation, sql) }};
    {{ described(relation) }}
{% endmacro %}

{# dbt's own persist_docs asks for the columns first, which the contract of a model has fixed. #}
{% macro described(relation) %}
    {%- if config.persist_relation_docs() and model.description -%}
        comment on {{ relation.type }} {{ relation }}
        is {{ duckdb_escape_comment(model.description) }};
    {%- endif -%}
    {%- if config.persist_column_docs() -%}
        {%- for name, column in model.columns.items() if column.description -%}
            comment on column {{ relation }}.{{ name }}
            is {{ duckdb_escape_comment(column.description) }};
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{# A test reads one query's answer: dbt's own way begins a transaction for it, and undoes it. #}
{% materialization test, adapter='duckdb' %}
    {%- if should_store_failures() -%}
        {{ return(materialization_test_default()) }}
    {%- endif -%}
    {% call statement('main', fetch_result=True, auto_begin=False) -%}
        {{ get_test_sql(
            sql,
            config.get('fail_calc'),
            config.get('warn_if'),
            config.get('error_if'),
            config.get('limit'),
        ) }}
    {%- endcall %}
    {{ return({'relations': []}) }}
{% endmaterialization %}

{#
    On Spark a unit test takes the types of the columns that it expects from the table that was built:
    to ask for those of the query, as dbt does, takes as long as the test.
#}
{% materialization unit, adapter='spark' %}
    {%- set tested = model.tested_node_unique_id.split('.') | last -%}
    {%- set built = load_cached_relation(
        api.Relation.create(schema=this.schema, identifier=tested)
    ) -%}
    {%- if built is none -%}
        {{ return(materialization_unit_default()) }}
    {%- endif -%}
    {%- set expected_rows = config.get('expected_rows') -%}
    {%- set types = {} -%}
    {%- set quoted = {} -%}
    {%- for column in adapter.get_columns_in_relation(built) -%}
        {%- do types.update({column.name: column.data_type}) -%}
        {%- do quoted.update({column.name: column.quoted}) -%}
    {%- endfor -%}
    {%- set expected_names = [] -%}
    {%- for name in (expected_rows[0] if expected_rows else types) -%}
        {%- do expected_names.append(quoted[name]) -%}
    {%- endfor -%}
    {% call statement('main', fetch_result=True) -%}
        {{ get_unit_test_sql(
            sql, get_expected_sql(expected_rows, types, quoted), expected_names
        ) }}
    {%- endcall %}
    {{ return({'relations': []}) }}
{% endmaterialization %}
