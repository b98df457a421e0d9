with

counted as (

    {{ counted_list_rows() }}

),

listed as (

    select
        account_id,
        payout_id,
        reporting_category,
        currency,
        count(*) as transaction_count,
        sum(gross_amount_minor) as gross_amount_minor,
        sum(fee_amount_minor) as fee_amount_minor,
        sum(net_amount_minor) as net_amount_minor
    from counted
    group by account_id, payout_id, reporting_category, currency

)

select
    coalesce(listed.account_id, published.account_id) as account_id,
    coalesce(listed.payout_id, published.payout_id) as payout_id,
    coalesce(listed.reporting_category, published.reporting_category) as reporting_category,
    coalesce(listed.currency, published.currency) as currency,
    coalesce(listed.transaction_count, 0) as rows_listed,
    coalesce(published.transaction_count, 0) as rows_published,
    coalesce(listed.net_amount_minor, 0) as net_listed_minor,
    coalesce(published.net_amount_minor, 0) as net_published_minor
from listed
full outer join {{ ref('fct_payout_categories') }} as published
    on
        listed.account_id = published.account_id
        and listed.payout_id = published.payout_id
        and listed.reporting_category = published.reporting_category
        and listed.currency = published.currency
where
    coalesce(listed.transaction_count, 0) != coalesce(published.transaction_count, 0)
    or coalesce(listed.gross_amount_minor, 0) != coalesce(published.gross_amount_minor, 0)
    or coalesce(listed.fee_amount_minor, 0) != coalesce(published.fee_amount_minor, 0)
    or coalesce(listed.net_amount_minor, 0) != coalesce(published.net_amount_minor, 0)
