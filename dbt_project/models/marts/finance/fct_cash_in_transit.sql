with

in_transit as (

    select * from {{ ref('int_payouts_in_transit') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    in_transit.account_id,
    in_transit.month_end_date,
    in_transit.payout_id,
    in_transit.currency,
    in_transit.payout_amount_minor,
    {{ major_units('in_transit.payout_amount_minor', 'currencies.major_per_minor') }}
        as payout_amount,
    in_transit.created_date,
    in_transit.expected_arrival_date,
    in_transit.reached_bank_date,
    in_transit.payout_status,
    in_transit.settlement_status
from in_transit
inner join currencies on in_transit.currency = currencies.currency
