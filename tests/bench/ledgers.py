"""`python -m tests.bench.ledgers …`: raw tables of a platform of any size, made by SQL.

As a sync leaves them: each account trades every day, and is paid out every day what it made two
days before, so that the last two days are not paid out yet. A day more adds what a sync of the
next day would: rows, payouts, their lists, a balance.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from loader.sources.batch import Batch
from tests.dbt.warehouses import load_raw

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
DAYS_TO_PAYOUT = 2


@dataclass(frozen=True)
class Ledgers:
    """A platform's size: each account has a payout a day, of that many charges."""

    accounts: int
    payouts_per_account: int
    charges_per_payout: int

    @property
    def payouts(self) -> int:
        return self.accounts * self.payouts_per_account

    @property
    def days(self) -> int:
        """How many days are traded."""
        return self.payouts_per_account + DAYS_TO_PAYOUT

    @property
    def transactions(self) -> int:
        """The rows of all ledgers: charges, paid out or not, and the payouts' own rows."""
        return self.accounts * self.days * self.charges_per_payout + self.payouts

    @property
    def as_of(self) -> datetime:
        """The evening of the last day that is traded."""
        return BEGINNING + timedelta(days=self.days, hours=-1)

    def after_a_day(self) -> Ledgers:
        """Answer the platform as it is a day later."""
        return Ledgers(self.accounts, self.payouts_per_account + 1, self.charges_per_payout)

    def make(self, folder: Path) -> Path:
        """Make the raw tables in a warehouse of their own; answer the file."""
        with tempfile.TemporaryDirectory(dir=folder) as place:
            path = load_raw(Path(place), Batch()).rename(folder / "warehouse.duckdb")
        self._load(path, range(self.days))
        return path

    def add_last_day(self, path: Path) -> None:
        """Load what the last day brings into a warehouse that holds the days before."""
        self._load(path, range(self.days - 1, self.days))

    def _load(self, path: Path, days: range) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "create temp table sizes as select ? as accounts, ? as charges, ? as first_day, "
                "? as last_day, ? as day_zero, ? as read_at",
                [
                    self.accounts,
                    self.charges_per_payout,
                    days.start,
                    days.stop - 1,
                    int(BEGINNING.timestamp()),
                    int(self.as_of.timestamp()),
                ],
            )
            for statement in (*_MADE, *_LOADED):
                connection.execute(statement)


_MADE = (
    # A day's charges come in the same second of many accounts, as they do.
    f"""
    create temp view charges as
    select
        'acct_' || lpad(account::varchar, 16, '0') as account_id,
        'txn_' || lpad(day::varchar, 8, '0') || lpad(charge::varchar, 8, '0')
            || lpad(account::varchar, 8, '0') as id,
        'po_' || lpad(day::varchar, 8, '0') || lpad(account::varchar, 16, '0') as payout_id,
        day,
        500 + (account * 7919 + day * 104729 + charge * 1299709) % 20000 as amount,
        30 + amount * 29 // 1000 as fee,
        amount - fee as net,
        day_zero + day * 86400 + (charge * 86400) // charges as created,
        day_zero + (day + {DAYS_TO_PAYOUT}) * 86400 as available_on,
    from
        sizes,
        range(accounts) as of_account(account),
        range(last_day + 1) as of_day(day),
        range(charges) as of_charge(charge)
    """,
    # What a payout pays out is what its day made; it leaves two days later, at one o'clock.
    f"""
    create temp view payouts as
    select
        account_id,
        payout_id as id,
        'txn_own_' || payout_id[4:] as balance_transaction,
        day + {DAYS_TO_PAYOUT} as day,
        sum(net)::bigint as amount,
        count(*) as charge_count,
        max(available_on) + 3600 as created,
        max(available_on) + 2 * 86400 as arrival_date,
    from charges, sizes
    where day + {DAYS_TO_PAYOUT} between first_day and last_day
    group by all
    """,
)

# A first sync lists by `created` only what no payout's list holds, the last days; then each day.
_LISTED_BY_CREATED = f"day >= first_day and day > last_day - {DAYS_TO_PAYOUT}"

_CHARGE = """
    charges.id, charges.account_id, amount, available_on, 'payments' as balance_type, created,
    'usd' as currency, 'Order ' || charges.id[5:] as description, fee,
    '[{"amount":' || fee || ',"application":null,"currency":"usd",'
    || '"description":"Stripe processing fees","type":"stripe_fee"}]' as fee_details,
    net, 'charge' as reporting_category, 'ch_' || charges.id[5:] as source,
    'available' as status, 'charge' as type
"""

_OWN_ROW = """
    balance_transaction as id, account_id, -amount as amount, arrival_date as available_on,
    'payments' as balance_type, created, 'usd' as currency, 'STRIPE PAYOUT' as description,
    0 as fee, '[]' as fee_details, -amount as net, 'payout' as reporting_category,
    id as source, 'available' as status, 'payout' as type
"""

_LOADED = (
    """
    insert into stripe._dlt_loads by name
    select
        read_at::varchar as load_id, 'stripe' as schema_name, 0 as status,
        to_timestamp(read_at) as inserted_at
    from sizes
    """,
    f"""
    insert into stripe.balance_transactions by name
    select {_CHARGE} from charges, sizes where {_LISTED_BY_CREATED}
    union all by name
    select {_OWN_ROW} from payouts, sizes where {_LISTED_BY_CREATED}
    """,
    f"""
    insert into stripe.payout_transactions by name
    select {_CHARGE}, payout_id from charges, sizes
    where day + {DAYS_TO_PAYOUT} between first_day and last_day
    union all by name
    select {_OWN_ROW}, id as payout_id from payouts
    """,
    """
    insert into stripe.payouts by name
    select
        id, account_id, amount, arrival_date, true as automatic, balance_transaction, created,
        'usd' as currency, 'ba_' || account_id[6:] as destination, 'standard' as method,
        'completed' as reconciliation_status, 'card' as source_type, 'paid' as status,
        'bank_account' as type
    from payouts
    """,
    """
    insert into stripe.payout_listings by name
    select
        account_id, id, read_at as listed_at, 'completed' as reconciliation_status_seen,
        true as is_whole, charge_count + 1 as row_count, read_at::varchar as _dlt_load_id,
        account_id || id as _dlt_id
    from payouts, sizes
    """,
    """
    insert into stripe.accounts by name
    select distinct
        account_id, account_id as id, account_id = 'acct_0000000000000000' as is_platform_account,
        'US' as country, 'usd' as default_currency
    from charges
    anti join stripe.accounts as known using (account_id)
    """,
    f"""
    insert into stripe.balances by name
    select
        account_id, read_at || '-usd' as id, read_at, 'usd' as currency,
        0 as available, sum(net)::bigint as pending, 0 as connect_reserved
    from charges, sizes
    where day > last_day - {DAYS_TO_PAYOUT}
    group by account_id, read_at
    """,
    f"""
    insert into stripe.account_syncs by name
    select
        coalesce(
            (select min(created_from) from stripe.account_syncs),
            (select min(created) from charges, sizes where {_LISTED_BY_CREATED})
        ) as created_from,
        account_id, read_at::varchar as run_id, read_at as run_number, 'readable' as status,
        read_at as started_at, read_at as finished_at, read_at as transactions_listed_at,
        read_at as balance_read_at, read_at as created_through, read_at as payouts_through,
        read_at::varchar as _dlt_load_id, account_id || read_at as _dlt_id
    from stripe.accounts, sizes
    """,
)


def main(arguments: list[str] | None = None) -> None:
    """Make a warehouse, or add a day to one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledgers", description=__doc__)
    parser.add_argument("folder", type=Path)
    for name in ("accounts", "payouts_per_account", "charges_per_payout"):
        parser.add_argument(name, type=int)
    parser.add_argument("--add-last-day", action="store_true")
    parsed = parser.parse_args(arguments)
    ledgers = Ledgers(parsed.accounts, parsed.payouts_per_account, parsed.charges_per_payout)
    if parsed.add_last_day:
        ledgers.add_last_day(parsed.folder / "warehouse.duckdb")
    else:
        ledgers.make(parsed.folder)


if __name__ == "__main__":
    main()
