with

bounded as (

    select * from {{ ref('int_manual_payouts_bounded') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    bounded.account_id,
    bounded.payout_id,
    bounded.currency,
    bounded.previous_created_at,
    bounded.created_at,
    bounded.opening_amount_minor,
    bounded.transaction_count,
    bounded.gross_amount_minor,
    bounded.fee_amount_minor,
    bounded.net_amount_minor,
    bounded.own_row_net_amount_minor,
    bounded.closing_amount_minor,
    {{ major_units('bounded.closing_amount_minor', 'currencies.major_per_minor') }}
        as closing_amount
from bounded
inner join currencies on bounded.currency = currencies.currency
