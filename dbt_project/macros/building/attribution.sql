{# Each account's payouts by currency: whether Stripe itemises none of them, and the latest. #}
{% macro payouts_by_currency(payouts) -%}
    select
        account_id,
        currency,
        max(created_at) as latest_payout_created_at,
        count(*) = count(case when stripe_reconciliation_status = 'not_applicable' then 1 end)
            as is_never_itemized
    from {{ payouts }}
    group by account_id, currency
{%- endmacro %}

{# Of a transaction beside its account's payouts in its currency. #}
{% macro is_followed_by_manual_payouts_only(transactions, payouts_by_currency) -%}
    coalesce(
        {{ payouts_by_currency }}.is_never_itemized
        and {{ payouts_by_currency }}.latest_payout_created_at >= {{ transactions }}.available_at,
        false
    )
{%- endmacro %}
