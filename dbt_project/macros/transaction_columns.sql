{# The columns of a balance transaction, renamed; the same for both ways a row can reach us. #}
{% macro transaction_columns() -%}
    cast(source as string) as source_object_id,
    type,
    coalesce(reporting_category, 'unknown') as reporting_category,
    currency,
    coalesce(balance_type, 'payments') as balance_type,
    description,
    amount as gross_amount_minor,
    fee as fee_amount_minor,
    net as net_amount_minor,
    {{ json_array_sum('fee_details', 'amount') }} as fee_details_amount_minor,
    exchange_rate,
    {{ epoch_to_timestamp('created') }} as created_at,
    {{ epoch_to_timestamp('available_on') }} as available_at,
    cast({{ epoch_to_timestamp('available_on') }} as date) as available_on_date
{%- endmacro %}

{# The names of those columns, of a relation where there are several. #}
{% macro transaction_column_names(relation=none) -%}
    {%- set names = [
        'source_object_id', 'type', 'reporting_category', 'currency', 'balance_type',
        'description', 'gross_amount_minor', 'fee_amount_minor', 'net_amount_minor',
        'fee_details_amount_minor', 'exchange_rate', 'created_at', 'available_at',
        'available_on_date',
    ] -%}
    {%- for name in names -%}
        {{ relation ~ '.' if relation }}{{ name }}{{ ',\n    ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Those columns of the first relation where it has a row, else of the second. #}
{% macro transaction_columns_of_first(first, second) -%}
    {%- for name in transaction_column_names().split(',') -%}
        {%- set name = name.strip() -%}
        case
            when {{ first }}.account_id is not null then {{ first }}.{{ name }}
            else {{ second }}.{{ name }}
        end as {{ name }}{{ ',\n    ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
