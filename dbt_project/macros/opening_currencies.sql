{#
    The currencies that each account held money in before its history starts, whether or not it has
    anything in them since.
#}
{% macro opening_currencies(accounts_read) -%}
    select
        account_id,
        {{ each_json_key('opening_amounts_minor') }} as currency
    from {{ accounts_read }}
    where opening_amounts_minor is not null
{%- endmacro %}
