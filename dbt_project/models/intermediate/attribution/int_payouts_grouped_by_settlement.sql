-- Stripe may split one settlement into several payouts. Payouts that could be parts of one share
-- everything but their amount; every other payout is a settlement of its own.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

settlements_named as (

    select
        account_id,
        payout_id,
        balance_transaction_id,
        case
            when is_automatic and payout_method = 'standard'
                then {{ hashed_id([
                    'account_id', 'currency', 'destination_id', 'source_type',
                    'cast(sign(payout_amount_minor) as integer)', 'created_date',
                    'expected_arrival_date',
                ]) }}
            else {{ hashed_id(['account_id', 'payout_id']) }}
        end as settlement_id
    from payouts

)

select
    account_id,
    payout_id,
    balance_transaction_id,
    settlement_id,
    count(*) over (partition by settlement_id) as sibling_count
from settlements_named
