{# Which models these are (the job says so); null where nobody does, and fits nothing. #}
{% macro models_version() -%}
    {{ "cast('" ~ var('models_version') ~ "' as string)" if var('models_version')
        else 'cast(null as string)' }}
{%- endmacro %}

{#
    What an earlier build left of a model, for those that are built before it in this one: so it is no
    `ref`. None where it was never built.
#}
{% macro last_built(model_name) -%}
    {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ model_name] -%}
    {{ return(load_relation(api.Relation.create(
        database=node.database, schema=node.schema, identifier=node.alias
    ))) }}
{%- endmacro %}

{#
    The fingerprints of what the tables were built of. They are gone while the tables are changed, and
    after a run that did not come to its end.
#}
{% macro fingerprints_kept() -%}
    {{ return(load_relation(fingerprints_table())) }}
{%- endmacro %}

{% macro fingerprints_table() -%}
    {{ return(api.Relation.create(
        database=this.database, schema='audit', identifier='fingerprints_kept'
    )) }}
{%- endmacro %}

{#
    Those fingerprints, if this build can go on from them: else none. Asked of the database itself:
    dbt would begin a transaction to look into a schema that it builds nothing in.
#}
{% macro last_fingerprints() -%}
    {%- if not execute or flags.FULL_REFRESH or not var('models_version') -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set kept = fingerprints_table() -%}
    {%- set standing = run_query(
        "select table_name from information_schema.tables where table_schema = 'audit'"
        ~ " and table_name = '" ~ kept.identifier ~ "'"
    ) -%}
    {%- if not standing.rows or last_built('int_balance_transactions_attributed') is none
        or last_built('fct_balance_transactions') is none -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set fitting = run_query(
        'select count(*) from ' ~ kept ~ ' where models_version = ' ~ models_version()
    ) -%}
    {{ return(kept if fitting.columns[0].values()[0] > 0 else none) }}
{%- endmacro %}

{#
    What runs after the last of the tables that are changed, in the same transaction: keeps the
    fingerprints, if this run built all that relies on them. Had one failed, this would not run.
#}
{% macro keep_fingerprints() -%}
    {%- set kept = target.database ~ '.audit.fingerprints_kept' -%}
    {%- set models = 'model.' ~ project_name ~ '.' -%}
    {%- set built = selected_resources | map('replace', models, '') | list -%}
    {%- set relying = [
        'int_raw_rows_fingerprinted', 'int_builds_scoped', 'int_balance_transactions_changed',
        'int_balance_transactions_united', 'int_balance_transactions_attributed', model.name,
    ] -%}
    {%- if execute and var('models_version') and relying | reject('in', built) | list == [] %}
        create schema if not exists {{ target.database }}.audit;
        drop table if exists {{ kept }};
        create table {{ kept }} as select * from {{ ref('int_raw_rows_fingerprinted') }};
    {%- endif %}
{%- endmacro %}
