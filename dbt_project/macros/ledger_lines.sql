{#
    The changes of ledgers in the history that is read now, each with its line of the roll-forward. An
    account that is asked for from another start on begins anew.
#}
{% macro ledger_lines(changes, accounts_read, categories) -%}
    select
        {{ changes }}.*,
        coalesce({{ categories }}.rollforward_line, 'adjustment') as rollforward_line
    from {{ changes }}
    inner join {{ accounts_read }}
        on
            {{ changes }}.account_id = {{ accounts_read }}.account_id
            and {{ changes }}.history_from_at
            = coalesce({{ accounts_read }}.history_from_at, cast('1970-01-01' as timestamp))
    left join {{ categories }}
        on {{ changes }}.reporting_category = {{ categories }}.reporting_category
{%- endmacro %}
