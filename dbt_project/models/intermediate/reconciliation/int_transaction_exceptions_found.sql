-- What is wrong with single balance transactions. Where a finding is about a transaction alone, its
-- payout is told but is no part of the id: the transaction may be settled later.
--
-- What is large is filtered where it is read: an import that stands for several reads would be held
-- in memory as a whole. Lists are looked through only where their sums say that something is wrong.
with

payouts_with_findings as (

    select * from {{ ref('int_payouts_summed') }}
    where
        in_two_payouts_count > 0
        or other_currency_count > 0
        or different_count > 0
        or described_otherwise_count > 0
        or has_orphans

),

compared as (

    select compared.*
    from {{ ref('int_payout_transactions_compared') }} as compared
    where (compared.account_id, compared.payout_id) in (
        select
            payouts_with_findings.account_id,
            payouts_with_findings.payout_id
        from payouts_with_findings
    )

),

listings as (

    select * from {{ ref('stg_stripe__payout_listings') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

payouts as (

    select * from {{ ref('stg_stripe__payouts') }}

),

known_types as (

    select * from {{ ref('balance_transaction_types') }}

),

known_categories as (

    select * from {{ ref('reporting_categories') }}

),

currencies as (

    select * from {{ ref('int_currencies_known') }}

),

payouts_read as (

    {{ payouts_read('payouts', 'listings', 'accounts_read') }}

),

listed as (

    {{ list_rows_checked('compared', 'payouts_read') }}

),

transaction_in_two_payouts as (

    select
        account_id,
        payout_id,
        balance_transaction_id,
        payout_id as key_payout_id,
        currency,
        net_amount_minor as amount_minor,
        'transaction_in_two_payouts' as exception_type,
        'error' as severity,
        'is listed in this payout and in another one too: it can be paid out only once'
            as finding
    from listed
    where is_in_two_payouts

),

orphan_payout_transaction as (

    select
        account_id,
        payout_id,
        balance_transaction_id,
        payout_id as key_payout_id,
        currency,
        net_amount_minor as amount_minor,
        'orphan_payout_transaction' as exception_type,
        'error' as severity,
        'is listed in this payout but is not among the account''s transactions' as finding
    from listed
    where is_orphan

),

currency_mismatch as (

    select
        account_id,
        payout_id,
        balance_transaction_id,
        payout_id as key_payout_id,
        currency,
        net_amount_minor as amount_minor,
        'currency_mismatch' as exception_type,
        'error' as severity,
        'is listed in a payout in ' || upper(payout_currency) as finding
    from listed
    where is_of_another_currency

),

component_differs as (

    select
        account_id,
        payout_id,
        balance_transaction_id,
        payout_id as key_payout_id,
        currency,
        net_amount_minor as amount_minor,
        'component_differs' as exception_type,
        'error' as severity,
        case
            when is_different_in_ledger
                then
                    'is (gross, fee, net) ' || {{ amounts_text() }}
                    || ' in the payout''s list and ' || {{ amounts_text('ledger_') }}
                    || ' among the account''s transactions: the two must agree, and gross less fee '
                    || 'must be net'
            else
                'is of another type, reporting category, source, balance or moment in the '
                || 'payout''s list than among the account''s transactions: the two must agree'
        end as finding
    from listed
    where is_different_in_ledger or is_described_otherwise

),

not_adding_up as (

    select
        ledger.account_id,
        ledger.payout_id,
        ledger.balance_transaction_id,
        cast(null as string) as key_payout_id,
        ledger.currency,
        ledger.net_amount_minor as amount_minor,
        'component_differs' as exception_type,
        'error' as severity,
        'does not add up in itself (gross, fee, net ' || {{ amounts_text('ledger.') }}
        || ', fee details '
        || coalesce(cast(ledger.fee_details_amount_minor as string), 'unknown')
        || ')' as finding
    from {{ ref('int_balance_transactions_attributed') }} as ledger
    left join component_differs
        on
            ledger.account_id = component_differs.account_id
            and ledger.balance_transaction_id = component_differs.balance_transaction_id
    where
        component_differs.balance_transaction_id is null
        and (
            ledger.gross_amount_minor - ledger.fee_amount_minor != ledger.net_amount_minor
            or ledger.fee_details_amount_minor != ledger.fee_amount_minor
        )

),

kinds as (

    select distinct
        type,
        reporting_category
    from {{ ref('int_balance_transactions_attributed') }}

),

unknown_kinds as (

    select
        kinds.type,
        kinds.reporting_category
    from kinds
    left join known_types on kinds.type = known_types.type
    left join known_categories
        on kinds.reporting_category = known_categories.reporting_category
    where known_types.type is null or known_categories.reporting_category is null

),

unknown_category as (

    select
        ledger.account_id,
        ledger.payout_id,
        ledger.balance_transaction_id,
        cast(null as string) as key_payout_id,
        ledger.currency,
        ledger.net_amount_minor as amount_minor,
        'unknown_category' as exception_type,
        'warning' as severity,
        'is of a kind that Stripe does not document: type ' || ledger.type
        || ', reporting category ' || ledger.reporting_category as finding
    from {{ ref('int_balance_transactions_attributed') }} as ledger
    inner join unknown_kinds
        on
            ledger.type = unknown_kinds.type
            and ledger.reporting_category = unknown_kinds.reporting_category

),

payouts_counted_back as (

    select
        account_id,
        currency,
        created_at,
        row_number() over (
            partition by account_id, currency order by created_at desc, payout_id desc
        ) as recency
    from payouts
    where stripe_reconciliation_status = 'completed'

),

unsettled_too_long as (

    select
        ledger.account_id,
        cast(null as string) as payout_id,
        ledger.balance_transaction_id,
        cast(null as string) as key_payout_id,
        ledger.currency,
        ledger.net_amount_minor as amount_minor,
        'unsettled_too_long' as exception_type,
        'warning' as severity,
        'has been available since ' || cast(ledger.available_on_date as string)
        || ' and is in none of the payouts made since, of which there are two or more'
            as finding
    from {{ ref('int_balance_transactions_attributed') }} as ledger
    inner join payouts_counted_back
        on
            ledger.account_id = payouts_counted_back.account_id
            and ledger.currency = payouts_counted_back.currency
            and ledger.available_at < payouts_counted_back.created_at
    where
        ledger.attribution_status = 'unsettled'
        and payouts_counted_back.recency = 2

),

found as (

    select * from transaction_in_two_payouts
    union all
    select * from orphan_payout_transaction
    union all
    select * from currency_mismatch
    union all
    select * from component_differs
    union all
    select * from not_adding_up
    union all
    select * from unknown_category
    union all
    select * from unsettled_too_long

),

-- A row that is listed twice is told once, each time in the same words.
found_in_order as (

    select
        *,
        row_number() over (
            partition by exception_type, account_id, key_payout_id, balance_transaction_id
            order by finding, currency, amount_minor
        ) as telling_number
    from found

)

select
    {{ hashed_id([
        'told.exception_type', 'told.account_id', 'told.key_payout_id',
        'told.balance_transaction_id',
    ]) }} as exception_id,
    told.exception_type,
    told.severity,
    told.account_id,
    told.payout_id,
    told.balance_transaction_id,
    told.currency,
    told.amount_minor,
    cast(null as date) as outstanding_since,
    'The transaction ' || told.balance_transaction_id || ' of '
    || coalesce(
        {{ money_text('told.amount_minor', 'told.currency', 'currencies.minor_unit_exponent') }},
        'no amount'
    ) || ' ' || told.finding || '.' as explanation
from found_in_order as told
inner join currencies on told.currency = currencies.currency
where told.telling_number = 1
