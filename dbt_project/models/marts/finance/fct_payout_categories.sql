with

listed as (

    select * from {{ ref('int_payout_transactions_compared') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

categories_summed as (

    select
        account_id,
        payout_id,
        reporting_category,
        currency,
        count(*) as transaction_count,
        cast(sum(gross_amount_minor) as bigint) as gross_amount_minor,
        cast(sum(fee_amount_minor) as bigint) as fee_amount_minor,
        cast(sum(net_amount_minor) as bigint) as net_amount_minor
    from listed
    where not is_left_out
    group by account_id, payout_id, reporting_category, currency

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
