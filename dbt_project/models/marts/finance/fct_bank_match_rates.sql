-- Payouts that are due and that statements cover. Those not due, not expected or without bank data
-- are in no rate.
with

decided as (

    select * from {{ ref('int_payouts_decided_at_bank') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

due as (

    select
        *,
        bank_match_status in ('matched', 'matched_group', 'matched_batch', 'returned')
            as is_matched
    from decided
    where bank_match_status not in ('not_expected', 'no_bank_data', 'in_transit')

),

summed as (

    select
        currency,
        count(*) as due_payout_count,
        count(case when is_matched then 1 end) as matched_payout_count,
        cast(sum(abs(payout_amount_minor)) as bigint) as due_amount_minor,
        cast(
            sum(case when is_matched then abs(payout_amount_minor) else 0 end) as bigint
        ) as matched_amount_minor
    from due
    group by currency

)

select
    summed.currency,
    summed.due_payout_count,
    summed.matched_payout_count,
    cast(summed.matched_payout_count as double) / summed.due_payout_count as match_rate_by_count,
    summed.due_amount_minor,
    summed.matched_amount_minor,
    {{ major_units('summed.due_amount_minor', 'currencies.major_per_minor') }} as due_amount,
    {{ major_units('summed.matched_amount_minor', 'currencies.major_per_minor') }}
        as matched_amount,
    cast(summed.matched_amount_minor as double) / summed.due_amount_minor as match_rate_by_amount
from summed
inner join currencies on summed.currency = currencies.currency
