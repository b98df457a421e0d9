-- What the report shows, so that a BI tool shows the same figures: they add up over accounts within
-- a currency. The ledger's lines, less what Stripe still holds and what is not at the bank yet, end
-- at what the bank shows; what is left over is the difference.
{% set proofs = {
    'proven': "is_reconciled",
    'not_itemizable': "reconciliation_status = 'not_itemizable'",
    'in_progress': "reconciliation_status = 'in_progress'",
    'unreconciled': "reconciliation_status = 'unreconciled'",
} %}
{% set places = ['in_transit', 'overdue', 'ambiguous', 'amount_mismatch', 'returned',
    'return_missing', 'not_expected', 'no_bank_data'] %}
{% set rates = {
    'due': "bank_match_status not in ('not_expected', 'no_bank_data', 'in_transit')",
    'matched': "bank_match_status in ('matched', 'matched_group', 'matched_batch', 'returned')",
} %}
{% set lines = ['charge', 'refund', 'dispute', 'transfer', 'adjustment'] %}

with

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

payouts as (

    select
        payouts.*,
        -- What came back to the Stripe balance is not on its way to a bank, and what was sent
        -- before the history that is read is in no ledger here.
        payouts.settlement_status not in ('canceled', 'failed_in_balance', 'failed_repaid')
        and payouts.created_at >= coalesce(accounts_read.history_from_at, payouts.created_at)
            as is_sent,
        case
            when payouts.settlement_status = 'failed_return_missing' then 'return_missing'
            else payouts.bank_match_status
        end as place
    from {{ ref('fct_payout_reconciliation') }} as payouts
    left join accounts_read on payouts.account_id = accounts_read.account_id

),

changes as (

    select * from {{ ref('int_ledger_changes_seen') }}

),

categories as (

    select * from {{ ref('reporting_categories') }}

),

balances as (

    select * from {{ ref('fct_balance_proof') }}

),

matches as (

    select matches.*
    from {{ ref('fct_bank_matches') }} as matches
    inner join payouts
        on
            matches.account_id = payouts.account_id
            and matches.payout_id = payouts.payout_id
    where payouts.is_sent or payouts.bank_match_status = 'returned'

),

exceptions as (

    select * from {{ ref('fct_reconciliation_exceptions') }}

),

accounts as (

    select * from {{ ref('dim_accounts') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

payout_sums as (

    select
        account_id,
        currency,
        count(*) as payout_count,
        cast(sum(payout_amount_minor) as bigint) as payout_amount_minor,
        {% for name, condition in proofs.items() -%}
            count(case when {{ condition }} then 1 end) as {{ name }}_payout_count,
            cast(
                sum(case when {{ condition }} then payout_amount_minor else 0 end) as bigint
            ) as {{ name }}_amount_minor,
        {% endfor -%}
        -- Differences of several payouts must not make up for each other.
        cast(
            sum(
                case
                    when reconciliation_status = 'unreconciled' then abs(difference_minor) else 0
                end
            ) as bigint
        ) as unreconciled_difference_minor,
        {% for place in places -%}
            count(case when place = '{{ place }}' then 1 end) as {{ place }}_payout_count,
            cast(
                sum(
                    case
                        when is_sent and place = '{{ place }}' then payout_amount_minor
                        else 0
                    end
                ) as bigint
            ) as {{ place }}_amount_minor,
        {% endfor -%}
        {% for name, condition in rates.items() -%}
            count(case when {{ condition }} then 1 end) as {{ name }}_payout_count,
            cast(
                sum(case when {{ condition }} then abs(payout_amount_minor) else 0 end) as bigint
            ) as {{ name }}_amount_minor,
        {% endfor -%}
        cast(sum(case when is_sent then payout_amount_minor else 0 end) as bigint)
            as sent_amount_minor
    from payouts
    group by account_id, currency

),

changes_of_history as (

    {{ ledger_lines('changes', 'accounts_read', 'categories') }}

),

ledger_sums as (

    select
        account_id,
        currency,
        {% for line in lines -%}
            cast(
                sum(case when rollforward_line = '{{ line }}' then gross_amount_minor else 0 end)
                as bigint
            ) as {{ line }}_amount_minor,
        {% endfor -%}
        cast(
            sum(
                case when rollforward_line = 'fee' then gross_amount_minor else 0 end
                - fee_amount_minor
            ) as bigint
        ) as fee_amount_minor,
        -- What does not add up in itself (gross less fee is not net) is an exception, and is here.
        cast(sum(net_amount_minor - gross_amount_minor + fee_amount_minor) as bigint)
            as unexplained_amount_minor,
        cast(sum(net_amount_minor) as bigint) as ledger_amount_minor
    from changes_of_history
    group by account_id, currency

),

-- A line of several payouts counts once.
lines_matched as (

    select distinct
        account_id,
        currency,
        bank_statement_line_id,
        line_amount_minor
    from matches

),

bank_sums as (

    select
        account_id,
        currency,
        cast(sum(line_amount_minor) as bigint) as banked_amount_minor
    from lines_matched
    group by account_id, currency

),

exception_counts as (

    select
        account_id,
        currency,
        count(case when severity = 'error' then 1 end) as error_count,
        count(case when severity = 'warning' then 1 end) as warning_count
    from exceptions
    group by account_id, currency

),

accounts_with_money as (

    select
        account_id,
        currency
    from payout_sums
    union distinct
    select
        account_id,
        currency
    from ledger_sums
    union distinct
    select
        account_id,
        currency
    from balances
    union distinct
    select
        account_id,
        currency
    from exceptions
    where currency is not null

),

summed as (

    select
        accounts_with_money.account_id,
        accounts_with_money.currency,
        {% for name in ['payout_count', 'payout_amount_minor', 'unreconciled_difference_minor',
            'sent_amount_minor'] -%}
            coalesce(payout_sums.{{ name }}, 0) as {{ name }},
        {% endfor -%}
        {% for name in proofs.keys() | list + places + rates.keys() | list -%}
            coalesce(payout_sums.{{ name }}_payout_count, 0) as {{ name }}_payout_count,
            coalesce(payout_sums.{{ name }}_amount_minor, 0) as {{ name }}_amount_minor,
        {% endfor -%}
        {% for line in ['charge', 'refund', 'dispute', 'fee', 'transfer', 'ledger'] -%}
            coalesce(ledger_sums.{{ line }}_amount_minor, 0) as {{ line }}_amount_minor,
        {% endfor -%}
        coalesce(ledger_sums.adjustment_amount_minor + ledger_sums.unexplained_amount_minor, 0)
            as adjustment_amount_minor,
        coalesce(balances.opening_amount_minor, 0) as opening_amount_minor,
        coalesce(bank_sums.banked_amount_minor, 0) as banked_amount_minor,
        -- What is wrong with the account as a whole is wrong in each of its currencies.
        coalesce(exception_counts.error_count, 0) + coalesce(account_counts.error_count, 0)
            as open_error_count,
        coalesce(exception_counts.warning_count, 0) + coalesce(account_counts.warning_count, 0)
            as open_warning_count,
        balances.proof_status as balance_proof_status,
        balances.difference_minor as balance_difference_minor,
        balances.stripe_amount_minor
    from accounts_with_money
    left join payout_sums
        on
            accounts_with_money.account_id = payout_sums.account_id
            and accounts_with_money.currency = payout_sums.currency
    left join ledger_sums
        on
            accounts_with_money.account_id = ledger_sums.account_id
            and accounts_with_money.currency = ledger_sums.currency
    left join balances
        on
            accounts_with_money.account_id = balances.account_id
            and accounts_with_money.currency = balances.currency
    left join bank_sums
        on
            accounts_with_money.account_id = bank_sums.account_id
            and accounts_with_money.currency = bank_sums.currency
    left join exception_counts
        on
            accounts_with_money.account_id = exception_counts.account_id
            and accounts_with_money.currency = exception_counts.currency
    left join exception_counts as account_counts
        on
            accounts_with_money.account_id = account_counts.account_id
            and account_counts.currency is null

)

select
    -- who and what
    summed.account_id,
    accounts.account_name,
    accounts.is_platform_account,
    summed.currency,
    {{ as_of_date() }} as as_of_date,

    -- the proof
    summed.payout_count,
    summed.payout_amount_minor,
    {{ major_units('summed.payout_amount_minor', 'currencies.major_per_minor') }}
        as payout_amount,
    {% for name in proofs -%}
        summed.{{ name }}_payout_count,
        summed.{{ name }}_amount_minor,
    {% endfor -%}
    summed.unreconciled_difference_minor,
    summed.balance_proof_status,
    summed.balance_difference_minor,
    summed.open_error_count,
    summed.open_warning_count,

    -- from the sales to the bank
    summed.opening_amount_minor,
    summed.charge_amount_minor,
    summed.refund_amount_minor,
    summed.dispute_amount_minor,
    summed.fee_amount_minor,
    summed.transfer_amount_minor,
    summed.adjustment_amount_minor,
    summed.opening_amount_minor + summed.ledger_amount_minor as closing_amount_minor,
    coalesce(
        summed.stripe_amount_minor, summed.opening_amount_minor + summed.ledger_amount_minor
    ) as stripe_amount_minor,
    summed.sent_amount_minor,
    {% for name in places -%}
        summed.{{ name }}_payout_count,
        summed.{{ name }}_amount_minor,
    {% endfor -%}
    summed.banked_amount_minor,
    {% for name in rates -%}
        summed.{{ name }}_payout_count,
        summed.{{ name }}_amount_minor,
    {% endfor -%}
    summed.charge_amount_minor + summed.refund_amount_minor + summed.dispute_amount_minor
    + summed.fee_amount_minor + summed.transfer_amount_minor + summed.adjustment_amount_minor
    - summed.ledger_amount_minor
    {% for name in places -%}
        - summed.{{ name }}_amount_minor
    {% endfor -%}
    - summed.banked_amount_minor as difference_minor
from summed
inner join currencies on summed.currency = currencies.currency
left join accounts on summed.account_id = accounts.account_id
