-- Each payout against its own list: the difference, and the first defect of its composition.
with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

settlements as (

    select * from {{ ref('int_payouts_grouped_by_settlement') }}

),

listings as (

    select * from {{ ref('stg_stripe__payout_listings') }}

),

sums as (

    select * from {{ ref('int_payouts_summed') }}

),

own_rows as (

    select * from {{ ref('int_payout_own_rows_checked') }}

),

evidence as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.stripe_reconciliation_status,
        settlements.settlement_id,
        settlements.sibling_count,
        listings.listing_error,
        own_rows.own_row_status,
        coalesce(payouts.stripe_reconciliation_status = 'in_progress', false)
            as is_in_progress,
        coalesce(payouts.stripe_reconciliation_status = 'not_applicable', false)
            as is_not_itemizable,
        coalesce(
            payouts.stripe_reconciliation_status = 'completed'
            and listings.is_whole
            and listings.listing_error is null
            and listings.stripe_reconciliation_status_seen = 'completed'
            and listings.row_count = coalesce(sums.listed_row_count, 0)
            and coalesce(sums.listed_row_count, 0) = coalesce(sums.listed_id_count, 0),
            false
        ) as is_list_whole,
        coalesce(sums.transaction_count, 0) as transaction_count,
        coalesce(sums.gross_amount_minor, 0) as gross_amount_minor,
        coalesce(sums.fee_amount_minor, 0) as fee_amount_minor,
        coalesce(sums.net_amount_minor, 0) as net_amount_minor,
        coalesce(sums.in_two_payouts_count, 0) as in_two_payouts_count,
        coalesce(sums.other_currency_count, 0) as other_currency_count,
        coalesce(sums.different_count, 0) as different_count,
        coalesce(sums.has_orphans, false) as has_orphans
    from payouts
    inner join settlements
        on
            payouts.account_id = settlements.account_id
            and payouts.payout_id = settlements.payout_id
    inner join own_rows
        on
            payouts.account_id = own_rows.account_id
            and payouts.payout_id = own_rows.payout_id
    left join listings
        on
            payouts.account_id = listings.account_id
            and payouts.payout_id = listings.payout_id
    left join sums
        on
            payouts.account_id = sums.account_id
            and payouts.payout_id = sums.payout_id

)

select
    account_id,
    payout_id,
    currency,
    payout_amount_minor,
    stripe_reconciliation_status,
    settlement_id,
    sibling_count,
    listing_error,
    own_row_status,
    is_in_progress,
    is_not_itemizable,
    is_list_whole,
    transaction_count,
    gross_amount_minor,
    fee_amount_minor,
    net_amount_minor,
    in_two_payouts_count,
    other_currency_count,
    different_count,
    has_orphans,
    case
        when not is_in_progress and not is_not_itemizable
            then payout_amount_minor - net_amount_minor
    end as difference_minor,
    case
        when is_in_progress or is_not_itemizable then null
        when not is_list_whole then 'itemization_incomplete'
        when own_row_status = 'missing' then 'missing_payout_row'
        when own_row_status = 'mismatched' then 'payout_row_mismatch'
        when in_two_payouts_count > 0 then 'transaction_in_two_payouts'
        when other_currency_count > 0 then 'currency_mismatch'
        when different_count > 0 then 'component_differs'
        when has_orphans then 'orphan_payout_transaction'
    end as composition_defect
from evidence
