with

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

accounts as (

    select * from {{ ref('stg_stripe__accounts') }}

),

reconciled as (

    select * from {{ ref('int_payouts_reconciled') }}

),

settled as (

    select * from {{ ref('int_payouts_settled') }}

),

at_bank as (

    select * from {{ ref('int_payouts_decided_at_bank') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

)

select
    -- who and what
    payouts.account_id,
    accounts.account_name,
    accounts.is_platform_account,
    payouts.payout_id,
    reconciled.payout_group_id,
    payouts.currency,
    payouts.payout_amount_minor,
    {{ major_units('payouts.payout_amount_minor', 'currencies.major_per_minor') }}
        as payout_amount,
    payouts.created_at,
    payouts.expected_arrival_date,
    payouts.payout_status,
    payouts.is_automatic,
    payouts.payout_method,
    payouts.source_type,
    payouts.destination_id,
    payouts.statement_descriptor,
    payouts.trace_id,
    payouts.failure_code,
    payouts.failure_balance_transaction_id,
    settled.failed_at,
    settled.returned_in_payout_id,
    payouts.stripe_reconciliation_status,

    -- the proof
    reconciled.transaction_count,
    reconciled.gross_amount_minor,
    reconciled.fee_amount_minor,
    reconciled.net_amount_minor,
    reconciled.difference_minor,
    reconciled.group_difference_minor,
    reconciled.reconciliation_status,
    reconciled.is_reconciled,
    reconciled.unreconciled_reason,

    -- the cash
    settled.settlement_status,
    settled.cash_minor,

    -- the bank
    at_bank.bank_match_status,
    at_bank.bank_statement_line_id,
    at_bank.bank_posted_date,
    at_bank.bank_amount_minor,
    at_bank.bank_match_rule,
    at_bank.days_outstanding,
    at_bank.aging_bucket
from payouts
inner join reconciled
    on
        payouts.account_id = reconciled.account_id
        and payouts.payout_id = reconciled.payout_id
inner join settled
    on
        payouts.account_id = settled.account_id
        and payouts.payout_id = settled.payout_id
inner join at_bank
    on
        payouts.account_id = at_bank.account_id
        and payouts.payout_id = at_bank.payout_id
inner join currencies on payouts.currency = currencies.currency
left join accounts on payouts.account_id = accounts.account_id
