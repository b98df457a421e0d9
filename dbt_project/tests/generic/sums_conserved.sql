{#
    Each amount adds up to the same before and after, for each combination of some columns, the
    account and the currency among them. `sums` maps a column here to its column in `came_from`.
#}
{% test sums_conserved(model, came_from, by, sums) %}

with

sums_in as (

    select
        {{ by | join(', ') }},
        {% for column, column_in in sums.items() -%}
            sum({{ column_in }}) as {{ column }}{{ ', ' if not loop.last }}
        {% endfor %}
    from {{ came_from }}
    group by {{ by | join(', ') }}

),

sums_out as (

    select
        {{ by | join(', ') }},
        {% for column in sums -%}
            sum({{ column }}) as {{ column }}{{ ', ' if not loop.last }}
        {% endfor %}
    from {{ model }}
    group by {{ by | join(', ') }}

)

select
    {% for column in by -%}
        coalesce(sums_in.{{ column }}, sums_out.{{ column }}) as {{ column }},
    {% endfor -%}
    {% for column in sums -%}
        coalesce(sums_in.{{ column }}, 0) as {{ column }}_in,
        coalesce(sums_out.{{ column }}, 0) as {{ column }}_out{{ ', ' if not loop.last }}
    {% endfor %}
from sums_in
full outer join sums_out
    on
        {% for column in by -%}
            sums_in.{{ column }} = sums_out.{{ column }}
            {{ 'and ' if not loop.last }}
        {%- endfor %}
where
    {% for column in sums -%}
        coalesce(sums_in.{{ column }}, 0) != coalesce(sums_out.{{ column }}, 0)
        {{ 'or ' if not loop.last }}
    {%- endfor %}
{% endtest %}
