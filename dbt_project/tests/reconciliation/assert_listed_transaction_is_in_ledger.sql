with

windows_read as (

    select
        account_id,
        case
            when count(created_from_at) = count(*) then min(created_from_at)
        end as created_from_at,
        max(created_through_at) as created_through_at
    from {{ ref('stg_stripe__account_syncs') }}
    where access_status = 'readable'
    group by account_id

)

select
    listed.account_id,
    listed.payout_id,
    listed.balance_transaction_id,
    listed.currency,
    listed.net_amount_minor,
    listed.created_at,
    windows_read.created_from_at as read_from_at,
    windows_read.created_through_at as read_through_at
from {{ ref('stg_stripe__payout_transactions') }} as listed
inner join windows_read on listed.account_id = windows_read.account_id
left join {{ ref('stg_stripe__balance_transactions') }} as ledger
    on
        listed.account_id = ledger.account_id
        and listed.balance_transaction_id = ledger.balance_transaction_id
where
    ledger.balance_transaction_id is null
    and listed.created_at >= coalesce(windows_read.created_from_at, listed.created_at)
    and listed.created_at <= windows_read.created_through_at
