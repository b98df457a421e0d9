-- What each account's ledger adds up to at the moment its balance was read: from the start of the
-- history that was read, for the balance that payouts are made of.
--
-- The balance is read before the rows, so rows that came in between are not in it. Clocks agree to
-- a second or so: the rows of that moment are the newest, and the sum may do without as many of
-- them, newest first, as make it agree with what Stripe states.
--
-- The ledger is filtered where it is read: an import that stands for several reads would be held in
-- memory as a whole.
with

accounts_read as (

    select * from {{ ref('int_accounts_read') }}

),

balances as (

    select * from {{ ref('stg_stripe__balances') }}

),

sums as (

    select
        ledger.account_id,
        ledger.currency,
        cast(sum(ledger.net_amount_minor) as bigint) as ledger_amount_minor
    from {{ ref('int_balance_transactions_attributed') }} as ledger
    inner join accounts_read on ledger.account_id = accounts_read.account_id
    where
        ledger.balance_type = 'payments'
        and ledger.created_at >= coalesce(accounts_read.history_from_at, ledger.created_at)
        and (
            ledger.created_at <= {{ seconds_after('accounts_read.balance_read_at', 1) }}
            -- dated later than they were read: by another clock, so nothing follows from it
            or ledger.created_at > {{ seconds_after('accounts_read.finished_at', 1) }}
        )
    group by ledger.account_id, ledger.currency

),

newest as (

    select
        ledger.account_id,
        ledger.currency,
        ledger.balance_transaction_id,
        ledger.net_amount_minor,
        ledger.created_at
    from {{ ref('int_balance_transactions_attributed') }} as ledger
    inner join accounts_read on ledger.account_id = accounts_read.account_id
    where
        ledger.balance_type = 'payments'
        and ledger.created_at >= coalesce(accounts_read.history_from_at, ledger.created_at)
        and ledger.created_at >= {{ seconds_after('accounts_read.balance_read_at', -2) }}
        and ledger.created_at <= {{ seconds_after('accounts_read.balance_read_at', 1) }}

),

readings as (

    select
        balances.account_id,
        balances.currency,
        balances.available_amount_minor + balances.pending_amount_minor as stripe_amount_minor
    from balances
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
    from readings
    union
    select
        account_id,
        currency
    from openings

),

both_sides as (

    select
        ledgers.account_id,
        ledgers.currency,
        coalesce(sums.ledger_amount_minor, 0) as ledger_amount_minor,
        coalesce(readings.stripe_amount_minor, 0) as stripe_amount_minor
    from ledgers
    left join sums
        on ledgers.account_id = sums.account_id and ledgers.currency = sums.currency
    left join readings
        on ledgers.account_id = readings.account_id and ledgers.currency = readings.currency

),

with_opening as (

    select
        both_sides.*,
        accounts_read.balance_read_at,
        coalesce(
            {{ json_integer_at('accounts_read.opening_amounts_minor', 'both_sides.currency') }}, 0
        ) as opening_amount_minor
    from both_sides
    inner join accounts_read on both_sides.account_id = accounts_read.account_id

),

newest_left_out as (

    select
        account_id,
        currency,
        cast(sum(net_amount_minor) over (
            partition by account_id, currency
            order by created_at desc, balance_transaction_id desc
            rows between unbounded preceding and current row
        ) as bigint) as left_out_amount_minor
    from newest

),

explained_by_newest as (

    select distinct
        with_opening.account_id,
        with_opening.currency
    from with_opening
    inner join newest_left_out
        on
            with_opening.account_id = newest_left_out.account_id
            and with_opening.currency = newest_left_out.currency
    where
        with_opening.opening_amount_minor + with_opening.ledger_amount_minor
        - newest_left_out.left_out_amount_minor
        = with_opening.stripe_amount_minor

)

select
    with_opening.account_id,
    with_opening.currency,
    with_opening.balance_read_at,
    with_opening.opening_amount_minor,
    with_opening.stripe_amount_minor,
    case
        when explained_by_newest.account_id is null then with_opening.ledger_amount_minor
        else with_opening.stripe_amount_minor - with_opening.opening_amount_minor
    end as ledger_amount_minor
from with_opening
left join explained_by_newest
    on
        with_opening.account_id = explained_by_newest.account_id
        and with_opening.currency = explained_by_newest.currency
