with

loaded_by_created as (

    select
        account_id,
        balance_transaction_id,
        currency,
        net_amount_minor
    from {{ ref('stg_stripe__balance_transactions') }}

),

loaded_in_lists_alone as (

    select
        listed.account_id,
        listed.balance_transaction_id,
        min(listed.currency) as currency,
        min(listed.net_amount_minor) as net_amount_minor
    from {{ ref('stg_stripe__payout_transactions') }} as listed
    left join loaded_by_created
        on
            listed.account_id = loaded_by_created.account_id
            and listed.balance_transaction_id = loaded_by_created.balance_transaction_id
    where loaded_by_created.balance_transaction_id is null
    group by listed.account_id, listed.balance_transaction_id

),

loaded as (

    select * from loaded_by_created
    union all
    select * from loaded_in_lists_alone

),

loaded_summed as (

    select
        account_id,
        currency,
        count(*) as row_count,
        sum(net_amount_minor) as net_amount_minor
    from loaded
    group by account_id, currency

),

published_summed as (

    select
        account_id,
        currency,
        count(*) as row_count,
        sum(net_amount_minor) as net_amount_minor
    from {{ ref('fct_balance_transactions') }}
    group by account_id, currency

)

select
    coalesce(loaded_summed.account_id, published_summed.account_id) as account_id,
    coalesce(loaded_summed.currency, published_summed.currency) as currency,
    coalesce(loaded_summed.row_count, 0) as rows_loaded,
    coalesce(published_summed.row_count, 0) as rows_published,
    coalesce(loaded_summed.net_amount_minor, 0) as net_loaded_minor,
    coalesce(published_summed.net_amount_minor, 0) as net_published_minor
from loaded_summed
full outer join published_summed
    on
        loaded_summed.account_id = published_summed.account_id
        and loaded_summed.currency = published_summed.currency
where
    coalesce(loaded_summed.row_count, 0) != coalesce(published_summed.row_count, 0)
    or coalesce(loaded_summed.net_amount_minor, 0)
    != coalesce(published_summed.net_amount_minor, 0)
