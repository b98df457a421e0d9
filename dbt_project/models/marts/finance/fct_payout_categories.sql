with

categories_summed as (

    select * from {{ ref('int_payout_categories_summed') }}
    where transaction_count > 0

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    categories_summed.account_id,
    categories_summed.payout_id,
    categories_summed.reporting_category,
    categories_summed.currency,
    categories_summed.transaction_count,
    categories_summed.gross_amount_minor,
    categories_summed.fee_amount_minor,
    categories_summed.net_amount_minor,
    {{ major_units('categories_summed.net_amount_minor', 'currencies.major_per_minor') }}
        as net_amount
from categories_summed
inner join currencies on categories_summed.currency = currencies.currency
