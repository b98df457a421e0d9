with

categories_summed as (

    select
        account_id,
        payout_id,
        currency,
        sum(gross_amount_minor) as gross_amount_minor,
        sum(fee_amount_minor) as fee_amount_minor,
        sum(net_amount_minor) as net_amount_minor
    from {{ ref('fct_payout_categories') }}
    group by account_id, payout_id, currency

)

select
    payouts.account_id,
    payouts.payout_id,
    payouts.currency,
    payouts.net_amount_minor,
    coalesce(categories_summed.net_amount_minor, 0) as categories_net_amount_minor
from {{ ref('fct_payout_reconciliation') }} as payouts
left join categories_summed
    on
        payouts.account_id = categories_summed.account_id
        and payouts.payout_id = categories_summed.payout_id
        and payouts.currency = categories_summed.currency
where
    payouts.gross_amount_minor != coalesce(categories_summed.gross_amount_minor, 0)
    or payouts.fee_amount_minor != coalesce(categories_summed.fee_amount_minor, 0)
    or payouts.net_amount_minor != coalesce(categories_summed.net_amount_minor, 0)
