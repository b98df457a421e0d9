-- What is open between Stripe and the bank: payouts and lines without their other half, and files
-- that were left out.
with

payouts as (

    select * from {{ ref('int_payouts_decided_at_bank') }}

),

lines as (

    select
        line_key,
        bank_statement_line_id,
        amount_minor,
        posted_date
    from {{ ref('int_bank_lines_described') }}

),

lines_decided as (

    select * from {{ ref('int_bank_lines_decided') }}

),

made as (

    select * from {{ ref('int_bank_matches_made') }}

),

candidates as (

    select * from {{ ref('int_bank_candidates_found') }}

),

files as (

    select * from {{ ref('stg_bank__statement_files') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

accounts as (

    select * from {{ ref('stg_stripe__accounts') }}

),

mappings as (

    select * from {{ ref('stg_bank__account_mappings') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

returns as (

    select
        payout_key,
        min(bank_statement_line_id) as bank_statement_line_id,
        min(posted_date) as returned_date
    from made
    where is_return
    group by payout_key

),

candidate_lines as (

    select
        candidates.payout_key,
        count(*) as line_count,
        min(lines.posted_date) as first_posted_date,
        max(lines.posted_date) as last_posted_date,
        max(case when candidates.candidate_reason = 'no_stripe_marker' then 1 else 0 end) = 1
            as is_without_marker
    from candidates
    inner join lines on candidates.line_key = lines.line_key
    group by candidates.payout_key

),

payout_evidence as (

    select
        payouts.account_id,
        payouts.payout_id,
        payouts.currency,
        payouts.payout_amount_minor,
        payouts.expected_arrival_date,
        payouts.grace_ends_date,
        payouts.bank_match_status,
        payouts.is_return_missing,
        payouts.bank_posted_date,
        payouts.bank_statement_line_id,
        mismatched_lines.bank_statement_line_id as mismatched_line_id,
        returns.bank_statement_line_id as return_line_id,
        returns.returned_date,
        candidate_lines.line_count as candidate_line_count,
        candidate_lines.first_posted_date,
        candidate_lines.last_posted_date,
        candidate_lines.is_without_marker,
        {{ money_text(
            'payouts.payout_amount_minor', 'payouts.currency', 'currencies.minor_unit_exponent'
        ) }} as payout_text,
        {{ money_text(
            'mismatched_lines.amount_minor', 'payouts.currency', 'currencies.minor_unit_exponent'
        ) }} as mismatched_text,
        mismatched_lines.posted_date as mismatched_posted_date
    from payouts
    inner join currencies on payouts.currency = currencies.currency
    left join returns on payouts.payout_key = returns.payout_key
    left join candidate_lines on payouts.payout_key = candidate_lines.payout_key
    left join lines as mismatched_lines
        on payouts.mismatched_line_key = mismatched_lines.line_key
    where
        payouts.bank_match_status in ('overdue', 'ambiguous', 'amount_mismatch', 'returned')
        or payouts.is_return_missing

),

payout_exceptions as (

    select
        account_id,
        payout_id,
        currency,
        payout_amount_minor as amount_minor,
        expected_arrival_date as outstanding_since,
        'missing_in_bank' as exception_type,
        cast(null as string) as bank_statement_line_id,
        'The payout of ' || payout_text || ' was due at the bank on '
        || cast(expected_arrival_date as string) || '. The statements cover the days through '
        || cast(grace_ends_date as string) || ', and no line of them is this payout.'
            as explanation
    from payout_evidence
    where bank_match_status = 'overdue'

    union all

    select
        account_id,
        payout_id,
        currency,
        payout_amount_minor as amount_minor,
        expected_arrival_date as outstanding_since,
        'ambiguous_match' as exception_type,
        cast(null as string) as bank_statement_line_id,
        'The payout of ' || payout_text || ', due on ' || cast(expected_arrival_date as string)
        || ', could be ' || cast(candidate_line_count as string)
        || case when candidate_line_count = 1 then ' line' else ' lines' end
        || ' of the statements, posted from ' || cast(first_posted_date as string) || ' to '
        || cast(last_posted_date as string)
        || case
            when is_without_marker then '. A line of the same amount does not name Stripe'
            else ', and nothing says which payout each of them is'
        end
        || '. Decide it in match_overrides.csv.' as explanation
    from payout_evidence
    where bank_match_status = 'ambiguous'

    union all

    select
        account_id,
        payout_id,
        currency,
        payout_amount_minor as amount_minor,
        expected_arrival_date as outstanding_since,
        'amount_mismatch' as exception_type,
        mismatched_line_id as bank_statement_line_id,
        'The bank names this payout of ' || payout_text || ' in a line of ' || mismatched_text
        || ', posted on ' || cast(mismatched_posted_date as string) || '.' as explanation
    from payout_evidence
    where bank_match_status = 'amount_mismatch'

    union all

    select
        account_id,
        payout_id,
        currency,
        payout_amount_minor as amount_minor,
        expected_arrival_date as outstanding_since,
        'returned_by_bank' as exception_type,
        return_line_id as bank_statement_line_id,
        'The payout of ' || payout_text || ' came to the bank on '
        || cast(bank_posted_date as string) || ' and left it again on '
        || cast(returned_date as string) || '. Stripe calls it failed: the money is back there.'
            as explanation
    from payout_evidence
    where bank_match_status = 'returned'

    union all

    select
        account_id,
        payout_id,
        currency,
        payout_amount_minor as amount_minor,
        expected_arrival_date as outstanding_since,
        'return_missing' as exception_type,
        bank_statement_line_id,
        'Stripe calls the payout of ' || payout_text || ' failed, but its money came to the bank '
        || 'on ' || cast(bank_posted_date as string)
        || ', and no line is known to take it away again.'
            as explanation
    from payout_evidence
    where is_return_missing

),

-- Whose account a line lies on: the one account that is mapped to it, else the platform's.
pool_owners as (

    select
        bank_account_id as bank_pool_id,
        min(account_id) as account_id
    from mappings
    where account_id is not null
    group by bank_account_id
    having count(distinct account_id) = 1

),

platform as (

    select min(account_id) as account_id
    from accounts
    where is_platform_account

),

-- Before the first payouts that were read, a deposit is no news.
missing_in_stripe as (

    select
        coalesce(pool_owners.account_id, platform.account_id) as account_id,
        cast(null as string) as payout_id,
        lines_decided.currency,
        lines_decided.amount_minor,
        lines_decided.posted_date as outstanding_since,
        'missing_in_stripe' as exception_type,
        lines_decided.bank_statement_line_id,
        'A line of '
        || {{ money_text(
            'lines_decided.amount_minor', 'lines_decided.currency', 'coalesce(currencies.minor_unit_exponent, 2)'
        ) }}
        || ', posted on ' || cast(lines_decided.posted_date as string) || ' on bank account '
        || lines_decided.bank_account_id || ', names Stripe, but no payout is it.' as explanation
    from lines_decided
    cross join platform
    left join pool_owners on lines_decided.bank_pool_id = pool_owners.bank_pool_id
    left join accounts_read
        on coalesce(pool_owners.account_id, platform.account_id) = accounts_read.account_id
    left join currencies on lines_decided.currency = currencies.currency
    where
        lines_decided.line_match_status = 'unmatched_stripe'
        and (
            accounts_read.history_from_at is null
            or lines_decided.posted_date > {{ days_after(
                'cast(accounts_read.history_from_at as date)', var('bank_days_after')
            ) }}
        )

),

statement_not_whole as (

    select
        platform.account_id,
        cast(null as string) as payout_id,
        cast(null as string) as currency,
        cast(null as bigint) as amount_minor,
        cast(null as date) as outstanding_since,
        'statement_not_whole' as exception_type,
        cast(null as string) as bank_statement_line_id,
        files.source_file,
        'The statement file ' || files.source_file || ' was left out: '
        || coalesce(files.reason, 'no reason was given') || '.' as explanation
    from files
    cross join platform
    where not files.is_whole

)

select
    {{ hashed_id(['exception_type', 'account_id', 'payout_id']) }} as exception_id,
    exception_type,
    'warning' as severity,
    account_id,
    payout_id,
    bank_statement_line_id,
    currency,
    amount_minor,
    outstanding_since,
    explanation
from payout_exceptions

union all

select
    {{ hashed_id(['exception_type', 'bank_statement_line_id']) }} as exception_id,
    exception_type,
    'warning' as severity,
    account_id,
    payout_id,
    bank_statement_line_id,
    currency,
    amount_minor,
    outstanding_since,
    explanation
from missing_in_stripe

union all

select
    {{ hashed_id(['exception_type', 'source_file']) }} as exception_id,
    exception_type,
    'warning' as severity,
    account_id,
    payout_id,
    bank_statement_line_id,
    currency,
    amount_minor,
    outstanding_since,
    explanation
from statement_not_whole
