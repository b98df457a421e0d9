with

stored as (

    select
        account_id,
        payout_id,
        count(*) as stored_row_count,
        count(distinct balance_transaction_id) as stored_id_count
    from {{ ref('stg_stripe__payout_transactions') }}
    group by account_id, payout_id

)

select
    payouts.account_id,
    payouts.payout_id,
    payouts.currency,
    payouts.payout_amount_minor,
    listings.listing_error,
    coalesce(listings.is_whole, false) as is_whole,
    listings.row_count as received_row_count,
    coalesce(stored.stored_row_count, 0) as stored_row_count,
    coalesce(stored.stored_id_count, 0) as stored_id_count
from {{ ref('stg_stripe__payouts') }} as payouts
left join {{ ref('stg_stripe__payout_listings') }} as listings
    on
        payouts.account_id = listings.account_id
        and payouts.payout_id = listings.payout_id
left join stored
    on
        payouts.account_id = stored.account_id
        and payouts.payout_id = stored.payout_id
where
    payouts.stripe_reconciliation_status = 'completed'
    and not coalesce(
        listings.is_whole
        and listings.listing_error is null
        and listings.stripe_reconciliation_status_seen = 'completed'
        and listings.row_count = coalesce(stored.stored_row_count, 0)
        and coalesce(stored.stored_row_count, 0) = coalesce(stored.stored_id_count, 0),
        false
    )
