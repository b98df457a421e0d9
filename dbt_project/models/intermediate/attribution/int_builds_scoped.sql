-- Whether this build can change in the last one's tables what the raw rows changed since. In doubt
-- it can't; and where half of the rows changed, making all of them anew is faster.
{% set kept = last_fingerprints() %}

with

fingerprinted as (

    select * from {{ ref('int_raw_rows_fingerprinted') }}

),

parts_changed as (

    {% if kept is none %}
        select * from fingerprinted
    {% else %}
        {{ parts_changed('fingerprinted', kept) }}
    {% endif %}

),

rows_counted as (

    select
        (select coalesce(sum(row_count), 0) from fingerprinted) as row_count,
        (select coalesce(sum(nameless_row_count), 0) from fingerprinted) as nameless_row_count,
        (select coalesce(sum(row_count), 0) from parts_changed) as changed_row_count

)

select
    '{{ invocation_id }}' as build_id,
    row_count,
    changed_row_count,
    {% if kept is none -%}
        false as is_partial
    {%- else -%}
        nameless_row_count = 0 and 2 * changed_row_count <= row_count as is_partial
    {%- endif %}
from rows_counted
