-- The status of each payout: proven alone, proven with the siblings that Stripe split it into, or
-- not. A payout that ties alone never joins a group.
with

payouts as (

    select * from {{ ref('int_payouts_proven_alone') }}

),

groups_tried as (

    select
        settlement_id,
        cast(sum(payout_amount_minor) - sum(net_amount_minor) as bigint)
            as group_difference_minor,
        count(composition_defect) as defect_count
    from payouts
    where sibling_count > 1 and coalesce(difference_minor, 1) != 0
    group by settlement_id
    having
        count(*) > 1
        and count(*) = count(case when stripe_reconciliation_status = 'completed' then 1 end)
        and count(case when transaction_count > 0 then 1 end) = 1

),

with_groups as (

    select
        payouts.*,
        groups_tried.settlement_id as payout_group_id,
        groups_tried.group_difference_minor,
        coalesce(
            groups_tried.group_difference_minor = 0 and groups_tried.defect_count = 0, false
        ) as is_proven_in_group
    from payouts
    left join groups_tried
        on
            payouts.settlement_id = groups_tried.settlement_id
            and payouts.difference_minor != 0

),

with_status as (

    select
        *,
        case
            when is_in_progress then 'in_progress'
            when is_not_itemizable then 'not_itemizable'
            when composition_defect is null and difference_minor = 0 then 'reconciled'
            when is_proven_in_group then 'reconciled_in_group'
            else 'unreconciled'
        end as reconciliation_status
    from with_groups

)

select
    account_id,
    payout_id,
    currency,
    payout_amount_minor,
    payout_group_id,
    listing_error,
    own_row_status,
    is_list_whole,
    transaction_count,
    gross_amount_minor,
    fee_amount_minor,
    net_amount_minor,
    difference_minor,
    group_difference_minor,
    reconciliation_status,
    case
        when reconciliation_status in ('reconciled', 'reconciled_in_group') then true
        when reconciliation_status = 'unreconciled' then false
    end as is_reconciled,
    case
        when reconciliation_status = 'unreconciled'
            then coalesce(composition_defect, 'components_do_not_sum')
    end as unreconciled_reason
from with_status
