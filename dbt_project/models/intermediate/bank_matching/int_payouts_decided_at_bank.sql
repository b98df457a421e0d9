-- One decision for each payout, the first that fits: never at the bank, no statements, a match, no
-- decision possible, a window that no statement covers, overdue, on its way.
with

payouts as (

    select * from {{ ref('int_payouts_directed_to_bank') }}

),

made as (

    select * from {{ ref('int_bank_matches_made') }}

),

candidates as (

    select * from {{ ref('int_bank_candidates_found') }}

),

coverage as (

    select * from {{ ref('int_bank_periods_covered') }}

),

marked_lines as (

    select
        bank_account_id,
        currency
    from {{ ref('int_bank_lines_described') }}
    where is_marked

),

-- A payout is in one match: where that is of one line, there is nothing to sum.
matches as (

    select
        payout_key,
        match_status,
        is_return as is_returned,
        bank_statement_line_id,
        posted_date as bank_posted_date,
        match_rule as bank_match_rule,
        amount_minor as bank_amount_minor
    from made
    where match_cardinality = 'one_to_one'

    union all

    select
        payout_key,
        max(match_status) as match_status,
        bool_or(is_return) as is_returned,
        min(case when not is_return then bank_statement_line_id end) as bank_statement_line_id,
        min(case when not is_return then posted_date end) as bank_posted_date,
        min(case when not is_return then match_rule end) as bank_match_rule,
        cast(sum(case when not is_return then amount_minor end) as bigint) as bank_amount_minor
    from made
    where match_cardinality != 'one_to_one'
    group by payout_key

),

-- A trace id in a line of another amount says more than an equal amount elsewhere.
undecided as (

    select
        payout_key,
        min(case when candidate_reason = 'amount_mismatch' then line_key end)
            as mismatched_line_key
    from candidates
    group by payout_key

),

-- Of several accounts that could have received a payout, those count that Stripe pays to.
accounts_paid_by_stripe as (

    select distinct
        bank_account_id,
        currency
    from marked_lines

),

receiving_accounts as (

    select
        coverage.bank_pool_id,
        coverage.currency,
        coverage.bank_account_id,
        accounts_paid_by_stripe.bank_account_id is not null as is_paid_by_stripe,
        max(case when accounts_paid_by_stripe.bank_account_id is not null then 1 else 0 end) over (
            partition by coverage.bank_pool_id, coverage.currency
        ) as pool_is_paid_by_stripe
    from coverage
    left join accounts_paid_by_stripe
        on
            coverage.bank_account_id = accounts_paid_by_stripe.bank_account_id
            and coverage.currency = accounts_paid_by_stripe.currency

),

accounts_counted as (

    select distinct
        bank_pool_id,
        currency,
        bank_account_id
    from receiving_accounts
    where is_paid_by_stripe or pool_is_paid_by_stripe = 0

),

pool_sizes as (

    select
        bank_pool_id,
        currency,
        count(*) as account_count
    from accounts_counted
    group by bank_pool_id, currency

),

open_payouts as (

    select payouts.*
    from payouts
    left join matches on payouts.payout_key = matches.payout_key
    where
        matches.payout_key is null
        and payouts.bank_pool_id is not null
        and not payouts.is_never_at_bank

),

-- Joined by pool: in another order, every open payout would meet every period of its currency.
coverage_counted as (

    select coverage.*
    from coverage
    inner join accounts_counted
        on
            coverage.bank_pool_id = accounts_counted.bank_pool_id
            and coverage.currency = accounts_counted.currency
            and coverage.bank_account_id = accounts_counted.bank_account_id

),

covered as (

    select
        open_payouts.payout_key,
        count(
            distinct case
                when
                    coverage.business_days_before <= open_payouts.business_days_before
                    and coverage.business_days_through >= open_payouts.business_days_through_grace
                    then coverage.bank_account_id
            end
        ) as accounts_covered_through_grace
    from open_payouts
    inner join coverage_counted as coverage
        on
            open_payouts.bank_pool_id = coverage.bank_pool_id
            and open_payouts.currency = coverage.currency
    where
        coverage.covered_through_date
        >= {{ days_after('open_payouts.expected_arrival_date', '-' ~ var('bank_days_before')) }}
        and coverage.covered_from_date
        <= {{ days_after('open_payouts.expected_arrival_date', var('bank_days_after')) }}
    group by open_payouts.payout_key

),

decided as (

    select
        payouts.payout_key,
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.expected_arrival_date,
        payouts.grace_ends_date,
        matches.bank_statement_line_id,
        matches.bank_posted_date,
        matches.bank_amount_minor,
        matches.bank_match_rule,
        undecided.mismatched_line_key,
        payouts.payout_status = 'failed' and matches.payout_key is not null
        and not matches.is_returned as is_return_missing,
        case
            when matches.match_status is not null then matches.match_status
            when payouts.is_never_at_bank then 'not_expected'
            when payouts.bank_pool_id is null then 'no_bank_data'
            when undecided.mismatched_line_key is not null then 'amount_mismatch'
            when undecided.payout_key is not null then 'ambiguous'
            when payouts.payout_status = 'failed' then 'not_expected'
            when payouts.expected_arrival_date > {{ as_of_date() }} then 'in_transit'
            when covered.payout_key is null then 'no_bank_data'
            when
                covered.accounts_covered_through_grace = pool_sizes.account_count
                and payouts.grace_ends_date < {{ as_of_date() }}
                then 'overdue'
            else 'in_transit'
        end as bank_match_status
    from payouts
    left join matches on payouts.payout_key = matches.payout_key
    left join undecided on payouts.payout_key = undecided.payout_key
    left join covered on payouts.payout_key = covered.payout_key
    left join pool_sizes
        on
            payouts.bank_pool_id = pool_sizes.bank_pool_id
            and payouts.currency = pool_sizes.currency

),

with_age as (

    select
        *,
        case
            when bank_match_status in ('in_transit', 'overdue', 'ambiguous', 'amount_mismatch')
                then {{ days_outstanding('expected_arrival_date') }}
        end as days_outstanding
    from decided

)

select
    *,
    {{ aging_bucket('days_outstanding') }} as aging_bucket
from with_age
