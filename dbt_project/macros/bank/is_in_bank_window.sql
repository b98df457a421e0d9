{# Whether a line was posted near enough to a payout's arrival date to be its deposit. #}
{% macro is_in_bank_window(posted_date, arrival_date) -%}
    {{ posted_date }} between
    {{ days_after(arrival_date, '-' ~ var('bank_days_before')) }}
    and {{ days_after(arrival_date, var('bank_days_after')) }}
{%- endmacro %}
