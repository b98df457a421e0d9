{#
    Rows in = rows out + rows explained, for each combination of some columns. Rows of `came_from`
    for which `explained_when` holds are known not to go on, and why.
#}
{% test rows_conserved(model, came_from, by, explained_when='false') %}

with

rows_in as (

    select
        {{ by | join(', ') }},
        count(*) as rows_in,
        count(case when {{ explained_when }} then 1 end) as rows_explained
    from {{ came_from }}
    group by {{ by | join(', ') }}

),

rows_out as (

    select
        {{ by | join(', ') }},
        count(*) as rows_out
    from {{ model }}
    group by {{ by | join(', ') }}

)

select
    {% for column in by -%}
        coalesce(rows_in.{{ column }}, rows_out.{{ column }}) as {{ column }},
    {% endfor -%}
    coalesce(rows_in.rows_in, 0) as rows_in,
    coalesce(rows_in.rows_explained, 0) as rows_explained,
    coalesce(rows_out.rows_out, 0) as rows_out
from rows_in
full outer join rows_out
    on
        {% for column in by -%}
            rows_in.{{ column }} = rows_out.{{ column }}
            {{ 'and ' if not loop.last }}
        {%- endfor %}
where
    coalesce(rows_in.rows_in, 0) - coalesce(rows_in.rows_explained, 0)
    != coalesce(rows_out.rows_out, 0)
{% endtest %}
