with

accounts_read as (

    select * from {{ ref('int_accounts_read') }}
    where access_status = 'readable' and not is_baseline

),

transactions as (

    {{ transactions_once() }}

),

sums as (

    select
        transactions.account_id,
        transactions.currency,
        sum(transactions.net_amount_minor) as ledger_amount_minor
    from transactions
    inner join accounts_read on transactions.account_id = accounts_read.account_id
    where
        transactions.balance_type = 'payments'
        and transactions.created_at
        >= coalesce(accounts_read.history_from_at, transactions.created_at)
    group by transactions.account_id, transactions.currency

),

-- Where rows came in while the account was read, a plain sum says nothing.
busy_accounts as (

    select distinct transactions.account_id
    from transactions
    inner join accounts_read on transactions.account_id = accounts_read.account_id
    where
        transactions.created_at >= {{ seconds_after('accounts_read.balance_read_at', -2) }}
        and transactions.created_at <= {{ seconds_after('accounts_read.finished_at', 1) }}

),

balances as (

    select
        balances.account_id,
        balances.currency,
        balances.available_amount_minor + balances.pending_amount_minor as stripe_amount_minor
    from {{ ref('stg_stripe__balances') }} as balances
    inner join accounts_read
        on
            balances.account_id = accounts_read.account_id
            and balances.read_at = accounts_read.balance_read_at

),

openings as (

    {{ opening_currencies('accounts_read') }}

),

ledgers as (

    select
        account_id,
        currency
    from sums
    union
    select
        account_id,
        currency
    from balances
    union
    select
        account_id,
        currency
    from openings

),

compared as (

    select
        ledgers.account_id,
        ledgers.currency,
        coalesce(sums.ledger_amount_minor, 0) as ledger_amount_minor,
        coalesce(balances.stripe_amount_minor, 0) as stripe_amount_minor
    from ledgers
    left join sums
        on ledgers.account_id = sums.account_id and ledgers.currency = sums.currency
    left join balances
        on ledgers.account_id = balances.account_id and ledgers.currency = balances.currency

),

published as (

    select * from {{ ref('fct_balance_proof') }}

)

select
    compared.account_id,
    compared.currency,
    compared.ledger_amount_minor,
    compared.stripe_amount_minor,
    published.opening_amount_minor,
    published.proof_status
from compared
left join busy_accounts on compared.account_id = busy_accounts.account_id
left join published
    on
        compared.account_id = published.account_id
        and compared.currency = published.currency
where
    published.proof_status is null
    or published.proof_status = 'unproven'
    or (
        published.proof_status = 'proven'
        and busy_accounts.account_id is null
        and compared.ledger_amount_minor + published.opening_amount_minor
        != compared.stripe_amount_minor
    )
