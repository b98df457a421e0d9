with

months as (

    select
        account_id,
        currency,
        month_start_date,
        opening_amount_minor,
        closing_amount_minor,
        lag(closing_amount_minor) over (
            partition by account_id, currency order by month_start_date
        ) as closing_before_minor,
        row_number() over (
            partition by account_id, currency order by month_start_date desc
        ) as recency
    from {{ ref('fct_balance_rollforward') }}

),

accounts_read as (

    select * from {{ ref('int_accounts_read') }}
    where access_status = 'readable'

),

proven as (

    select * from {{ ref('fct_balance_proof') }}

),

transactions as (

    {{ transactions_once() }}

),

ledgers as (

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

not_carried as (

    select
        account_id,
        currency,
        month_start_date,
        closing_before_minor as expected_minor,
        opening_amount_minor as found_minor
    from months
    where opening_amount_minor != closing_before_minor

),

not_closed as (

    select
        ledgers.account_id,
        ledgers.currency,
        months.month_start_date,
        ledgers.ledger_amount_minor + coalesce(proven.opening_amount_minor, 0)
            as expected_minor,
        months.closing_amount_minor as found_minor
    from ledgers
    left join months
        on
            ledgers.account_id = months.account_id
            and ledgers.currency = months.currency
            and months.recency = 1
    left join proven
        on
            ledgers.account_id = proven.account_id
            and ledgers.currency = proven.currency
    where
        months.closing_amount_minor is null
        or ledgers.ledger_amount_minor + coalesce(proven.opening_amount_minor, 0)
        != months.closing_amount_minor

)

select * from not_carried
union all
select * from not_closed
