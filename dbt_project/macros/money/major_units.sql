{# Minor units as a decimal amount, through the currency's exponent at Stripe; exact. #}
{% macro major_units(minor, major_per_minor) -%}
    cast(
        cast({{ minor }} as decimal(20, 0)) * cast({{ major_per_minor }} as decimal(4, 3))
        as decimal(24, 3)
    )
{%- endmacro %}

{# An amount as people read it: 1234 usd becomes '12.34 USD'. #}
{% macro money_text(minor, currency, exponent) -%}
    case {{ exponent }}
        when 0 then cast({{ minor }} as string)
        when 3 then cast({{ major_units(minor, '0.001') }} as string)
        else cast(cast({{ major_units(minor, '0.010') }} as decimal(24, 2)) as string)
    end || ' ' || upper({{ currency }})
{%- endmacro %}

{# The three amounts of a transaction as Stripe writes them: '1000, 30, 970 minor units of usd'.
   The prefix stands before each column: a relation and a dot, or part of the name. #}
{% macro amounts_text(prefix='') -%}
    coalesce(cast({{ prefix }}gross_amount_minor as string), 'nothing')
    || ', ' || coalesce(cast({{ prefix }}fee_amount_minor as string), 'nothing')
    || ', ' || coalesce(cast({{ prefix }}net_amount_minor as string), 'nothing')
    || ' minor units of ' || {{ prefix }}currency
{%- endmacro %}
