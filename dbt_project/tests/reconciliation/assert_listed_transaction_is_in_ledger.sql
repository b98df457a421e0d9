with

readings as (

    select
        account_id,
        created_from_at,
        transactions_listed_at,
        row_number() over (partition by account_id order by run_number desc) as recency
    from {{ ref('stg_stripe__account_syncs') }}
    where access_status = 'readable'

)

select
    listed.account_id,
    listed.payout_id,
    listed.balance_transaction_id,
    listed.currency,
    listed.net_amount_minor,
    listed.created_at,
    readings.created_from_at as read_from_at,
    readings.transactions_listed_at,
    listings.listed_at
from {{ ref('stg_stripe__payout_transactions') }} as listed
inner join readings on listed.account_id = readings.account_id and readings.recency = 1
inner join {{ ref('stg_stripe__payout_listings') }} as listings
    on listed.account_id = listings.account_id and listed.payout_id = listings.payout_id
left join {{ ref('stg_stripe__balance_transactions') }} as ledger
    on
        listed.account_id = ledger.account_id
        and listed.balance_transaction_id = ledger.balance_transaction_id
where
    ledger.balance_transaction_id is null
    and listed.created_at >= coalesce(readings.created_from_at, listed.created_at)
    and listings.listed_at <= readings.transactions_listed_at
