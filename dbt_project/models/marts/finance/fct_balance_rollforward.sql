with

rolled as (

    select * from {{ ref('int_ledgers_rolled_forward') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    rolled.account_id,
    rolled.currency,
    rolled.month_start_date,
    rolled.month_end_date,
    rolled.opening_amount_minor,
    rolled.charge_amount_minor,
    rolled.refund_amount_minor,
    rolled.dispute_amount_minor,
    rolled.fee_amount_minor,
    rolled.transfer_amount_minor,
    rolled.adjustment_amount_minor,
    rolled.payout_amount_minor,
    rolled.returned_payout_amount_minor,
    rolled.prior_period_minor,
    rolled.closing_amount_minor,
    {{ major_units('rolled.closing_amount_minor', 'currencies.major_per_minor') }}
        as closing_amount,
    case when rolled.tied_to_reading_at is null then 'untied' else 'tied' end as closing_status,
    rolled.tied_to_reading_at as read_at,
    'created' as date_basis
from rolled
inner join currencies on rolled.currency = currencies.currency
