with

payouts as (

    select
        *,
        payout_status in ('failed', 'canceled') as is_returnable
    from {{ ref('stg_stripe__payouts') }}

),

-- Both ways a row can reach us; `union` makes one of two equal copies.
rows_about_payouts as (

    {% for model in ['stg_stripe__balance_transactions', 'stg_stripe__payout_transactions'] -%}
        select
            payouts.account_id,
            payouts.payout_id,
            rows_given.balance_transaction_id,
            rows_given.balance_type,
            rows_given.gross_amount_minor,
            rows_given.fee_amount_minor,
            rows_given.balance_transaction_id = payouts.balance_transaction_id as is_own_row,
            rows_given.balance_transaction_id = payouts.failure_balance_transaction_id
            or rows_given.type in ('payout_failure', 'payout_cancel') as is_return_row
        from payouts
        inner join {{ ref(model) }} as rows_given
            on
                payouts.account_id = rows_given.account_id
                and payouts.payout_id = rows_given.source_object_id
                and payouts.currency = rows_given.currency
        {% if not loop.last -%}
            union
        {% endif %}
    {%- endfor %}

),

moved as (

    select
        account_id,
        payout_id,
        count(case when is_return_row then 1 end) as return_row_count,
        sum(case when is_own_row or is_return_row then gross_amount_minor else 0 end)
            as left_on_balance_minor,
        sum(case when is_own_row then fee_amount_minor else 0 end) as own_fee_minor,
        sum(case when is_return_row then fee_amount_minor else 0 end) as return_fee_minor,
        count(distinct case when is_own_row or is_return_row then balance_type end)
            as balance_type_count
    from rows_about_payouts
    group by account_id, payout_id

)

select
    payouts.account_id,
    payouts.payout_id,
    payouts.currency,
    payouts.payout_amount_minor,
    payouts.payout_status,
    payouts.failure_balance_transaction_id,
    coalesce(moved.return_row_count, 0) as return_row_count,
    coalesce(moved.left_on_balance_minor, 0) as left_on_balance_minor
from payouts
left join moved
    on
        payouts.account_id = moved.account_id
        and payouts.payout_id = moved.payout_id
where
    (
        payouts.is_returnable
        and (
            coalesce(moved.return_row_count, 0) != 1
            or moved.left_on_balance_minor != 0
            or moved.return_fee_minor not in (0, -moved.own_fee_minor)
            or moved.balance_type_count > 1
        )
    )
    or (
        not payouts.is_returnable
        and (
            moved.return_row_count > 0
            or payouts.failure_balance_transaction_id is not null
        )
    )
