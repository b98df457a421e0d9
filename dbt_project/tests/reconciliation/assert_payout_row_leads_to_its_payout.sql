with

accounts_read as (

    select * from {{ ref('int_accounts_read') }}
    where access_status = 'readable'

),

-- Both ways a row can reach us; `union` makes one of two equal copies.
rows_about_payouts as (

    {% for model in ['stg_stripe__balance_transactions', 'stg_stripe__payout_transactions'] -%}
        select
            rows_given.account_id,
            rows_given.balance_transaction_id,
            rows_given.type,
            rows_given.source_object_id
        from {{ ref(model) }} as rows_given
        inner join accounts_read on rows_given.account_id = accounts_read.account_id
        where rows_given.type in ('payout', 'payout_failure', 'payout_cancel')
        {% if not loop.last -%}
            union
        {% endif %}
    {%- endfor %}

)

select
    rows_about_payouts.account_id,
    rows_about_payouts.balance_transaction_id,
    rows_about_payouts.type,
    rows_about_payouts.source_object_id
from rows_about_payouts
left join {{ ref('stg_stripe__payouts') }} as payouts
    on
        rows_about_payouts.account_id = payouts.account_id
        and rows_about_payouts.source_object_id = payouts.payout_id
where payouts.payout_id is null
