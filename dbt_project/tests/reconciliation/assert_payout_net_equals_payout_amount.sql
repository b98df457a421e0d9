with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

counted as (

    {{ counted_list_rows() }}

),

payouts_summed as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.payout_amount_minor,
        count(counted.balance_transaction_id) as transaction_count,
        coalesce(sum(counted.net_amount_minor), 0) as net_amount_minor
    from payouts
    left join counted
        on
            payouts.account_id = counted.account_id
            and payouts.payout_id = counted.payout_id
            and payouts.currency = counted.currency
    group by payouts.account_id, payouts.payout_id, payouts.payout_amount_minor

),

candidates as (

    select
        payouts.*,
        payouts_summed.transaction_count,
        payouts_summed.net_amount_minor,
        payouts_summed.payout_amount_minor - payouts_summed.net_amount_minor
            as difference_minor
    from payouts
    inner join payouts_summed
        on
            payouts.account_id = payouts_summed.account_id
            and payouts.payout_id = payouts_summed.payout_id
    where
        coalesce(payouts.stripe_reconciliation_status, '-') != 'completed'
        or payouts_summed.payout_amount_minor != payouts_summed.net_amount_minor

),

-- Each payout that does not tie alone, with all that Stripe may have split with it: itself too.
groups_summed as (

    select
        candidates.account_id,
        candidates.payout_id,
        count(*) as payout_count,
        count(case when siblings.transaction_count > 0 then 1 end) as listing_payout_count,
        count(case when siblings.stripe_reconciliation_status = 'completed' then 1 end)
            as completed_payout_count,
        sum(siblings.difference_minor) as group_difference_minor
    from candidates
    inner join candidates as siblings
        on
            candidates.account_id = siblings.account_id
            and {{ are_possible_siblings('candidates', 'siblings') }}
    group by candidates.account_id, candidates.payout_id

)

select
    candidates.account_id,
    candidates.payout_id,
    candidates.currency,
    candidates.payout_amount_minor,
    candidates.transaction_count,
    candidates.net_amount_minor,
    candidates.difference_minor,
    groups_summed.payout_count as group_payout_count,
    groups_summed.group_difference_minor
from candidates
left join groups_summed
    on
        candidates.account_id = groups_summed.account_id
        and candidates.payout_id = groups_summed.payout_id
where
    candidates.stripe_reconciliation_status = 'completed'
    and not coalesce(
        groups_summed.payout_count > 1
        and groups_summed.payout_count = groups_summed.completed_payout_count
        and groups_summed.listing_payout_count = 1
        and groups_summed.group_difference_minor = 0,
        false
    )
