"""`python -m tests.bench.deposits …`: raw tables of payouts and of what a bank says of them.

Every account may be paid out on each business day, to a bank account of its own. Most deposits are
posted on the day of arrival, some a day before or up to five after, a few never; other money comes
in between, some of it in the very amount of a payout nearby. Which deposit a payout became stands
in schema `truth`, where no model looks. The payouts are manual ones, which Stripe does not itemise:
their own rows are all that the ledgers hold.

A third of the accounts has each payout's trace id in the bank's text, a third Stripe's name, and a
third nothing to tell whose money it is. Everything is picked by a hash of the seed: a platform is
the same however often it is made.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb

BEGINNING = date(2023, 1, 2)

# How long after the last arrival statements go on: every deposit is in them, and late ones are due.
DAYS_AFTER = 21

# How many of a thousand deposits are posted so many business days after their payout's arrival.
LAGS = {-1: 17, 0: 898, 1: 60, 2: 19, 3: 3, 4: 2, 5: 1}

# How many amounts an account has that is paid out fixed ones.
FIXED_AMOUNTS = 20

_PAID_OUT = 0.885
"""How many of the business days have a payout."""
_MISSING = 0.003
_OTHER_MONEY = 0.01
_OF_EQUAL_AMOUNT = 0.2
"""How much of the other money is as much as a payout nearby."""


@dataclass(frozen=True)
class Deposits:
    """A platform's size, and how hard its deposits are to tell apart."""

    accounts: int
    days: int
    repeating: float = 0.30
    """How many of the accounts are paid out one of a few fixed amounts each time."""
    seed: int = 1

    @property
    def as_of(self) -> datetime:
        """The evening of the last day that statements cover."""
        last = BEGINNING + timedelta(days=self.days + DAYS_AFTER - 1)
        return datetime.combine(last, time(23), UTC)

    def make(self, folder: Path) -> Path:
        """Make the raw tables in a warehouse of their own; answer the file."""
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = _load_nothing(Path(place)).rename(folder / "warehouse.duckdb")
        with duckdb.connect(str(path)) as connection:
            connection.execute(_picked(self.seed))
            connection.execute(_SIZES, self._sizes())
            for statement in (*_MADE, *_LOADED):
                connection.execute(statement)
        return path

    def _sizes(self) -> list[object]:
        lags = [lag for lag, count in LAGS.items() for _ in range(count)]
        through, read_at = self.as_of.date(), int(self.as_of.timestamp())
        return [self.accounts, self.days, self.repeating, BEGINNING, through, read_at, lags]


def _load_nothing(folder: Path) -> Path:
    """Make the raw tables, empty, as a sync makes them."""
    # Only where they are needed: who measures others has to stay small (`measuring.py`).
    import dlt  # noqa: PLC0415

    from loader.sources.bank_statements import bank_statements  # noqa: PLC0415
    from loader.sources.batch import Batch  # noqa: PLC0415
    from tests.dbt.warehouses import load_raw  # noqa: PLC0415

    path = load_raw(folder, Batch())
    dlt.pipeline(
        "bank_statements",
        pipelines_dir=str(folder / "dlt"),
        destination=dlt.destinations.duckdb(str(path)),
        dataset_name="bank",
    ).run(bank_statements({}, []))
    return path


def _picked(seed: int) -> str:
    """Answer a macro that picks a number from 0 up to 1, the same one for the same arguments."""
    return f"""
        create temp macro picked(what, account, place) as
            (md5_number_lower(concat_ws(' ', {seed}, what, account, place)) >> 11) / pow(2, 53)
    """


_SIZES = """
    create temp table sizes as
    select
        ? as accounts, ? as days, ? as repeating, ?::date as first_day, ?::date as last_day,
        ? as read_at, ?::integer[] as lags
"""

_ACCOUNT = "'acct_' || lpad(account::varchar, 16, '0')"
_DESTINATION = "'ba_' || lpad(account::varchar, 16, '0')"
_BANK_ACCOUNT = "'bank-' || lpad(account::varchar, 6, '0')"

# By the remainder of an account's number: what its bank says of a payout's deposit.
_OF_TRACED, _OF_MARKED = 0, 1

# From one cent of a dollar to ten thousand of them, small ones as often as large ones.
_ANY_AMOUNT = "floor(1000 * pow(1000, picked({what}, account, place)))::bigint"

_MADE = (
    """
    create temp table business_days as
    select
        row_number() over (order by day) as place,
        day,
        day >= first_day and day < first_day + days::integer as is_paid_out
    from (
        select unnest(generate_series(first_day - 14, last_day, interval 1 day))::date as day, *
        from sizes
    )
    where isodow(day) < 6
    """,
    f"""
    create temp table made_payouts as
    select
        account,
        place,
        day as arrival_date,
        'po_' || lpad(place::varchar, 8, '0') || lpad(account::varchar, 16, '0') as id,
        '091000' || lpad((place * accounts + account)::varchar, 9, '0') as trace_id,
        case
            when picked('is repeating', account, 0) < repeating
                then 10000 + 100 * floor(50000 * picked(
                    'fixed amount', account, floor({FIXED_AMOUNTS} * picked('turn', account, place))
                ))::bigint
            else {_ANY_AMOUNT.format(what="'amount'")}
        end as amount
    from sizes, range(accounts) as of_account(account), business_days
    where is_paid_out and picked('is paid out', account, place) < {_PAID_OUT}
    """,
    f"""
    create temp table made_deposits as
    select * exclude (posted_place), day as posted_date
    from (
        select
            account, place, 'payout' as what, id as payout_id, trace_id, amount,
            place + lags[1 + floor(len(lags) * picked('lag', account, place))::integer]
                as posted_place
        from made_payouts, sizes
        where picked('is missing', account, place) >= {_MISSING}
        union all
        select
            account, place, 'other money', null, null,
            case
                when picked('is equal', account, place) < {_OF_EQUAL_AMOUNT} then amount
                else {_ANY_AMOUNT.format(what="'other amount'")}
            end,
            place - 2 + floor(8 * picked('other day', account, place))::bigint
        from made_payouts
        where picked('is other money', account, place) < {_OTHER_MONEY}
    )
    inner join (select place as posted_place, day from business_days) using (posted_place)
    """,
    f"""
    create temp table made_lines as
    select
        *,
        {_BANK_ACCOUNT} as bank_account_id,
        row_number() over (
            partition by account order by posted_date, picked('order of ' || what, account, place)
        ) as line_number,
        'R' || lpad(line_number::varchar, 9, '0') as bank_reference,
        lpad(floor(1e9 * picked('number of ' || what, account, place))::bigint::varchar, 9, '0')
            as number
    from made_deposits
    """,
)

_STRIPE_LOADED = (
    """
    insert into stripe._dlt_loads by name
    select
        read_at::varchar as load_id, 'stripe' as schema_name, 0 as status,
        to_timestamp(read_at) as inserted_at
    from sizes
    """,
    f"""
    insert into stripe.accounts by name
    select
        {_ACCOUNT} as account_id, {_ACCOUNT} as id, account = 0 as is_platform_account,
        'US' as country, 'usd' as default_currency
    from sizes, range(accounts) as of_account(account)
    """,
    f"""
    insert into stripe.payouts by name
    select
        id, {_ACCOUNT} as account_id, amount, epoch(arrival_date)::bigint as arrival_date,
        false as automatic, 'txn_own_' || id[4:] as balance_transaction,
        epoch(arrival_date)::bigint - 2 * 86400 + 3600 as created, 'usd' as currency,
        {_DESTINATION} as destination, 'standard' as method,
        'not_applicable' as reconciliation_status, 'card' as source_type, 'paid' as status,
        case
            when account % 3 in ({_OF_TRACED}, {_OF_MARKED})
                then json_object('status', 'supported', 'value', trace_id)
            else json_object('status', 'unsupported', 'value', null)
        end as trace_id,
        'bank_account' as type
    from made_payouts
    """,
    """
    insert into stripe.balance_transactions by name
    select
        balance_transaction as id, account_id, -amount as amount, arrival_date as available_on,
        'payments' as balance_type, created, currency, 'STRIPE PAYOUT' as description, 0 as fee,
        '[]' as fee_details, -amount as net, 'payout' as reporting_category, id as source,
        'available' as status, 'payout' as type
    from stripe.payouts
    """,
    """
    insert into stripe.balances by name
    select
        account_id, read_at || '-usd' as id, read_at, currency,
        sum(net)::bigint as available, 0 as pending, 0 as connect_reserved
    from stripe.balance_transactions, sizes
    group by all
    """,
    """
    insert into stripe.account_syncs by name
    select
        epoch(first_day)::bigint as created_from,
        account_id, read_at::varchar as run_id, read_at as run_number, 'readable' as status,
        read_at as started_at, read_at as finished_at, read_at as transactions_listed_at,
        read_at as balance_read_at, read_at as created_through, read_at as payouts_through,
        read_at::varchar as _dlt_load_id, account_id || read_at as _dlt_id
    from stripe.accounts, sizes
    """,
)

_BANK_LOADED = (
    f"""
    insert into bank.statement_lines by name
    select
        md5(bank_account_id) as source_id, line_number, bank_account_id, 'usd' as currency,
        amount as amount_minor, posted_date, posted_date as value_date, true as is_booked,
        bank_reference,
        case
            when payout_id is null
                then ['WIRE FROM CUSTOMER ', 'COUNTER DEPOSIT ', 'CARD SETTLEMENT '][
                    1 + floor(3 * picked('kind', account, place))::integer
                ] || number
            when account % 3 = {_OF_TRACED} then 'ACH CREDIT TRACE ' || trace_id || ' PPD'
            when account % 3 = {_OF_MARKED} then 'STRIPE TRANSFER ST-' || number
            else 'ACH CREDIT ' || number
        end as description,
        '165' as type_code, line_number as source_line
    from made_lines
    """,
    """
    insert into bank.statements by name
    select
        source_id, 1 as statement_number, bank_account_id, currency, 0 as opening_minor,
        sum(amount_minor)::bigint as closing_minor, sum(amount_minor)::bigint as sum_minor,
        count(*) as line_count, any_value(first_day) - 14 as period_from,
        any_value(last_day) as period_through, true as is_whole
    from bank.statement_lines, sizes
    group by source_id, bank_account_id, currency
    """,
    """
    insert into bank.statement_files by name
    select
        bank_account_id || '.bai' as path, source_id, 'bai2' as format, true as is_whole,
        1 as statement_count, line_count, 80 * line_count as byte_count, false as is_gone
    from bank.statements
    """,
    f"""
    insert into bank.account_mappings by name
    select
        {_ACCOUNT} as account_id, {_DESTINATION} as destination_id, 'usd' as currency,
        {_BANK_ACCOUNT} as bank_account_id,
        case when account % 3 = {_OF_MARKED} then 'STRIPE' end as marker
    from sizes, range(accounts) as of_account(account)
    """,
)

_TRUTH_LOADED = (
    "create schema truth",
    f"""
    create table truth.payouts as
    select
        {_ACCOUNT} as account_id, id as payout_id, {_BANK_ACCOUNT} as bank_account_id,
        bank_reference
    from made_payouts
    left join (select payout_id as id, bank_reference from made_lines) using (id)
    """,
)

_LOADED = (*_STRIPE_LOADED, *_BANK_LOADED, *_TRUTH_LOADED)


def main(arguments: list[str] | None = None) -> None:
    """Make a warehouse."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deposits", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("accounts", type=int)
    parser.add_argument("days", type=int)
    parser.add_argument("repeating", type=float, help="share of accounts with fixed amounts")
    parser.add_argument("seed", type=int)
    parsed = parser.parse_args(arguments)
    sizes = (parsed.accounts, parsed.days, parsed.repeating, parsed.seed)
    Deposits(*sizes).make(parsed.folder)


if __name__ == "__main__":
    main()
