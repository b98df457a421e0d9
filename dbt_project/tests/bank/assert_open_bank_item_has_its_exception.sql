-- Whatever is open between Stripe and the bank can be read as an exception of its type.
with

expected as (

    select
        account_id,
        payout_id,
        case bank_match_status
            when 'overdue' then 'missing_in_bank'
            when 'ambiguous' then 'ambiguous_match'
            when 'amount_mismatch' then 'amount_mismatch'
            when 'returned' then 'returned_by_bank'
        end as exception_type
    from {{ ref('fct_payout_reconciliation') }}
    where bank_match_status in ('overdue', 'ambiguous', 'amount_mismatch', 'returned')

)

select
    expected.account_id,
    expected.payout_id,
    expected.exception_type
from expected
left join {{ ref('fct_reconciliation_exceptions') }} as found
    on
        expected.account_id = found.account_id
        and expected.payout_id = found.payout_id
        and expected.exception_type = found.exception_type
where found.exception_id is null
