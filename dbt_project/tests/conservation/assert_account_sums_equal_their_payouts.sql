with

payouts as (

    select * from {{ ref('fct_payout_reconciliation') }}

),

accounts as (

    select * from {{ ref('fct_account_reconciliation') }}

),

sums as (

    select
        account_id,
        currency,
        count(*) as payout_count,
        sum(payout_amount_minor) as payout_amount_minor
    from payouts
    group by account_id, currency

)

select
    sums.account_id,
    sums.currency,
    sums.payout_count as expected_count,
    accounts.payout_count as found_count,
    sums.payout_amount_minor as expected_minor,
    accounts.payout_amount_minor as found_minor
from sums
left join accounts
    on
        sums.account_id = accounts.account_id
        and sums.currency = accounts.currency
where
    accounts.account_id is null
    or sums.payout_count != accounts.payout_count
    or sums.payout_amount_minor != accounts.payout_amount_minor
