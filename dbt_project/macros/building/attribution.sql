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

{#
    Rows of payouts' lists, with whether each stays out of counts and sums: always by id. `settlements`
    are all payouts by settlement, `own_rows` the own rows of each settlement, once.
#}
{% macro list_rows_classified(listed, settlements, own_rows) -%}
    select
        {{ listed }}.account_id,
        {{ listed }}.payout_id,
        {{ listed }}.balance_transaction_id,
        {{ transaction_column_names(listed) }},
        {{ own_rows }}.balance_transaction_id is not null as is_left_out
    from {{ listed }}
    left join {{ settlements }}
        on
            {{ listed }}.account_id = {{ settlements }}.account_id
            and {{ listed }}.payout_id = {{ settlements }}.payout_id
    left join {{ own_rows }}
        on
            {{ settlements }}.account_id = {{ own_rows }}.account_id
            and {{ settlements }}.settlement_id = {{ own_rows }}.settlement_id
            and {{ listed }}.balance_transaction_id = {{ own_rows }}.balance_transaction_id
{%- endmacro %}

{# The own rows of each settlement, each once. #}
{% macro own_rows_of_settlements(settlements) -%}
    select distinct
        account_id,
        settlement_id,
        balance_transaction_id
    from {{ settlements }}
    where balance_transaction_id is not null
{%- endmacro %}
