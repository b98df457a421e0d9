{#
    For tests: every balance transaction once, found anew from staging: the listing's copy, else one
    of the copies in payouts' lists.
#}
{% macro transactions_once() -%}
    select
        account_id,
        balance_transaction_id,
        currency,
        balance_type,
        created_at,
        net_amount_minor
    from {{ ref('stg_stripe__balance_transactions') }}
    union all
    select
        listed.account_id,
        listed.balance_transaction_id,
        max(listed.currency) as currency,
        max(listed.balance_type) as balance_type,
        max(listed.created_at) as created_at,
        max(listed.net_amount_minor) as net_amount_minor
    from {{ ref('stg_stripe__payout_transactions') }} as listed
    left join {{ ref('stg_stripe__balance_transactions') }} as ledger
        on
            listed.account_id = ledger.account_id
            and listed.balance_transaction_id = ledger.balance_transaction_id
    where ledger.balance_transaction_id is null
    group by listed.account_id, listed.balance_transaction_id
{%- endmacro %}
