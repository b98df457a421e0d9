{#
    Rows in = rows out + rows explained, and each amount adds up to the same before and after, for
    each combination of some columns, the account and the currency among them where there are sums.
    Rows of `came_from` for which `explained_when` holds are known not to go on, and why. `sums`
    maps a column here to its column in `came_from`.
#}
{% test rows_and_sums_conserved(model, came_from, by, sums={}, explained_when='false') %}

with

before as (

    select
        {% for column in by -%}
            {{ column }},
        {% endfor -%}
        count(*) as rows_in,
        count(case when {{ explained_when }} then 1 end) as rows_explained
        {%- for column, column_before in sums.items() -%}
            , sum({{ column_before }}) as {{ column }}
        {%- endfor %}
    from {{ came_from }}
    group by {{ by | join(', ') }}

),

after as (

    select
        {% for column in by -%}
            {{ column }},
        {% endfor -%}
        count(*) as rows_out
        {%- for column in sums -%}
            , sum({{ column }}) as {{ column }}
        {%- endfor %}
    from {{ model }}
    group by {{ by | join(', ') }}

)

select
    {% for column in by -%}
        coalesce(before.{{ column }}, after.{{ column }}) as {{ column }},
    {% endfor -%}
    coalesce(before.rows_in, 0) as rows_in,
    coalesce(before.rows_explained, 0) as rows_explained,
    coalesce(after.rows_out, 0) as rows_out
    {%- for column in sums -%}
        , coalesce(before.{{ column }}, 0) as {{ column }}_in
        , coalesce(after.{{ column }}, 0) as {{ column }}_out
    {%- endfor %}
from before
full outer join after
    on
        {% for column in by -%}
            before.{{ column }} = after.{{ column }}
            {{ 'and ' if not loop.last }}
        {%- endfor %}
where
    coalesce(before.rows_in, 0) - coalesce(before.rows_explained, 0)
    != coalesce(after.rows_out, 0)
    {% for column in sums -%}
        or coalesce(before.{{ column }}, 0) != coalesce(after.{{ column }}, 0)
    {% endfor %}
{% endtest %}
