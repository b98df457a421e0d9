{#
    Whether this build changes in the last one's tables what the raw rows changed since, or makes
    them anew: decided once a build, by `int_builds_scoped`.
#}
{% macro builds_changes_only() -%}
    {%- set scope = ref('int_builds_scoped') -%}
    {%- if not execute or load_relation(scope) is none -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(run_query('select is_partial from ' ~ scope).columns[0].values()[0]) }}
{%- endmacro %}

{# The build that is going on, as its scope names it: by whichever run its models are built. #}
{% macro this_build() -%}
    (select max(scoped.build_id) from {{ ref('int_builds_scoped') }} as scoped)
{%- endmacro %}

{#
    dbt's own question, asked by the incremental materialization and by `is_incremental`. Models that
    name themselves `builds_changes` are made anew where the scope says so.
#}
{% macro should_full_refresh() -%}
    {%- if config.get('full_refresh') is not none -%}
        {{ return(config.get('full_refresh')) }}
    {%- endif -%}
    {{ return(
        flags.FULL_REFRESH
        or (config.get('meta', {}).get('builds_changes', false) and not builds_changes_only())
    ) }}
{%- endmacro %}

{# What runs before a table of the last build is changed, in the same transaction. #}
{% macro begin_changes() -%}
    {%- set kept = fingerprints_kept() -%}
    {%- if kept is not none %}
        delete from {{ kept }};
    {%- endif %}
    {%- if is_incremental() %}
        delete from {{ this }}
        where {{ is_among(ref('int_balance_transactions_changed'), this.identifier) }};
    {%- endif %}
{%- endmacro %}
