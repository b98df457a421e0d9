{#
    The rows of payouts' lists that count, found anew from staging for the tests: without the
    payout's own row and without its possible siblings' own rows. Holds no model's verdict.
#}
{% macro counted_list_rows() -%}
    select
        listed.account_id,
        listed.payout_id,
        listed.balance_transaction_id,
        listed.reporting_category,
        listed.currency,
        listed.gross_amount_minor,
        listed.fee_amount_minor,
        listed.net_amount_minor
    from {{ ref('stg_stripe__payout_transactions') }} as listed
    left join {{ ref('stg_stripe__payouts') }} as payouts
        on
            listed.account_id = payouts.account_id
            and listed.payout_id = payouts.payout_id
    left join {{ ref('stg_stripe__payouts') }} as named
        on
            listed.account_id = named.account_id
            and listed.balance_transaction_id = named.balance_transaction_id
    where
        named.payout_id is null
        or not (
            named.payout_id = listed.payout_id
            or coalesce({{ are_possible_siblings('payouts', 'named') }}, false)
        )
{%- endmacro %}

{# The own rows of payouts that Stripe itemizes, each once: no other payout may count them. #}
{% macro own_rows_of_itemized_payouts() -%}
    select distinct
        account_id,
        balance_transaction_id
    from {{ ref('stg_stripe__payouts') }}
    where stripe_reconciliation_status in ('completed', 'in_progress')
{%- endmacro %}

{# Whether Stripe could have split one settlement into these two payouts of an account. #}
{% macro are_possible_siblings(one, other) -%}
    (
        {{ one }}.is_automatic
        and {{ other }}.is_automatic
        and {{ one }}.payout_method = 'standard'
        and {{ other }}.payout_method = 'standard'
        and {{ one }}.currency = {{ other }}.currency
        and coalesce({{ one }}.destination_id, '-') = coalesce({{ other }}.destination_id, '-')
        and coalesce({{ one }}.source_type, '-') = coalesce({{ other }}.source_type, '-')
        and sign({{ one }}.payout_amount_minor) = sign({{ other }}.payout_amount_minor)
        and {{ one }}.created_date = {{ other }}.created_date
        and {{ one }}.expected_arrival_date = {{ other }}.expected_arrival_date
    )
{%- endmacro %}
