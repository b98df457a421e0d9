select
    payouts.account_id,
    payouts.payout_id,
    payouts.currency,
    payouts.payout_amount_minor,
    payouts.difference_minor,
    payouts.unreconciled_reason
from {{ ref('fct_payout_reconciliation') }} as payouts
left join {{ ref('fct_reconciliation_exceptions') }} as exceptions
    on
        payouts.account_id = exceptions.account_id
        and payouts.payout_id = exceptions.payout_id
        and payouts.unreconciled_reason = exceptions.exception_type
        and exceptions.severity = 'error'
where
    payouts.reconciliation_status = 'unreconciled'
    and exceptions.exception_id is null
