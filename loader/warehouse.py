"""The private DuckDB file: whose it is, what it already holds, and what is still loose in it.

The file is opened for the moment of a question only; dlt and dbt open it for themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from loader.settings import Mode, SettingsError

# Raised when what a warehouse of this version holds can't be read by older code.
WAREHOUSE_VERSION = 1


class WarehouseError(Exception):
    """The warehouse can't be used; the message says why and what to do."""


@dataclass(frozen=True)
class AccountHistory:
    """What earlier runs wholly read of one account (epoch seconds, UTC)."""

    created_from: int | None = None
    """Start of the window read by `created`; none is all history."""
    created_through: int | None = None
    """The newest transaction read by `created`; none if nothing was read yet."""
    payouts_through: int | None = None
    """The newest payout read."""
    listed_payouts: frozenset[str] = frozenset()
    """Payouts whose list is stored whole."""
    open_payouts: frozenset[str] = frozenset()
    """Payouts whose stored state Stripe may still change."""
    rows_about_payouts: frozenset[str] = frozenset()
    """Stored transactions whose source is a payout."""


@dataclass(frozen=True)
class LooseEnds:
    """What the lists of one account name and its window read by `created` should hold too."""

    unconfirmed_created: tuple[int, ...] = ()
    """`created` of listed rows inside the window that the window does not hold."""
    rows_before_window: tuple[str, ...] = ()
    """Ids of payouts' own and failure rows that are older than the window."""


@dataclass(frozen=True)
class Warehouse:
    """The warehouse of one platform account in one mode."""

    path: Path

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file; a process that holds it is named in a `WarehouseError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = duckdb.connect(str(self.path))
        except duckdb.IOException as error:
            raise WarehouseError(
                f"{self.path} can't be opened: {error}. Close the program that holds it "
                "(BI tools should open reconciliation.duckdb instead), then run again."
            ) from None
        try:
            yield connection
        finally:
            connection.close()

    def claim(self, platform_account_id: str, mode: Mode) -> None:
        """Make the warehouse this platform's, or refuse another platform's or mode's data.

        Raises:
            SettingsError: the file belongs to another platform account or mode.
        """
        with self.connect() as connection:
            connection.execute("create schema if not exists audit")
            connection.execute(
                "create table if not exists audit.warehouse_owner "
                "(platform_account_id varchar, mode varchar, warehouse_version integer)"
            )
            owner = connection.execute("from audit.warehouse_owner").fetchone()
            if owner is None:
                connection.execute(
                    "insert into audit.warehouse_owner values (?, ?, ?)",
                    [platform_account_id, mode.value, WAREHOUSE_VERSION],
                )
                return
        if owner[:2] != (platform_account_id, mode.value):
            raise SettingsError(
                f"{self.path} holds the {owner[1]} data of platform account {owner[0]}, but "
                f"STRIPE_API_KEY opens {mode.value} data of {platform_account_id}. Nothing was "
                "written. Use that account's key, or another TIEOUT_DATA_DIR."
            )
        if owner[2] > WAREHOUSE_VERSION:
            raise SettingsError(
                f"{self.path} was written by a newer Tieout (warehouse version {owner[2]}, this "
                f"one knows {WAREHOUSE_VERSION}). Upgrade Tieout, or use another TIEOUT_DATA_DIR."
            )

    def histories(self) -> dict[str, AccountHistory]:
        """Answer what was wholly read before, by account; a half-loaded package counts for none."""
        with self.connect() as connection:
            if not _has_raw_tables(connection):
                return {}
            connection.execute(_WINDOWS_READ)
            windows = connection.execute("from windows_read").fetchall()
            listed = _sets(connection.execute(_LISTED_PAYOUTS).fetchall())
            unfinished = _sets(connection.execute(_OPEN_PAYOUTS).fetchall())
            about_payouts = _sets(connection.execute(_ROWS_ABOUT_PAYOUTS).fetchall())
        return {
            account_id: AccountHistory(
                created_from=created_from,
                created_through=created_through,
                payouts_through=payouts_through,
                listed_payouts=listed[account_id],
                open_payouts=unfinished[account_id],
                rows_about_payouts=about_payouts[account_id],
            )
            for account_id, created_from, created_through, payouts_through in windows
        }

    def known_accounts(self) -> dict[str, bool]:
        """Answer every account ever loaded, and whether it is the platform."""
        with self.connect() as connection:
            if not _has_raw_tables(connection):
                return {}
            rows = connection.execute("select id, is_platform_account from stripe.accounts")
            return dict(rows.fetchall())

    def loose_ends(self) -> dict[str, LooseEnds]:
        """Answer, by account, what has to be looked up before anything is called missing."""
        with self.connect() as connection:
            connection.execute(_WINDOWS_READ)
            unconfirmed = connection.execute(_UNCONFIRMED_ROWS).fetchall()
            before_window = connection.execute(_ROWS_BEFORE_WINDOW).fetchall()
        created, ids = defaultdict(list), defaultdict(list)
        for account_id, instant in unconfirmed:
            created[account_id].append(instant)
        for account_id, transaction_id in before_window:
            ids[account_id].append(transaction_id)
        return {
            account_id: LooseEnds(tuple(created[account_id]), tuple(ids[account_id]))
            for account_id in sorted({*created, *ids})
        }


def _has_raw_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    # dlt writes its record of loads last.
    found = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'stripe' "
        "and table_name in ('_dlt_loads', 'account_syncs')"
    ).fetchone()
    return found == (2,)


def _sets(rows: list[tuple[str, str]]) -> defaultdict[str, frozenset[str]]:
    gathered: defaultdict[str, set[str]] = defaultdict(set)
    for account_id, item in rows:
        gathered[account_id].add(item)
    return defaultdict(frozenset, {a: frozenset(items) for a, items in gathered.items()})


_WINDOWS_READ = """
    create or replace temporary view windows_read as
    select
        account_id,
        case when bool_or(created_from is null) then null else min(created_from) end
            as created_from,
        max(created_through) as created_through,
        max(payouts_through) as payouts_through
    from stripe.account_syncs
    where
        status = 'readable'
        and _dlt_load_id in (select load_id from stripe._dlt_loads where status = 0)
    group by account_id
"""

_LISTED_PAYOUTS = """
    select account_id, id
    from stripe.payout_listings
    where
        is_whole
        and _dlt_load_id in (select load_id from stripe._dlt_loads where status = 0)
"""

_OPEN_PAYOUTS = """
    select account_id, id
    from stripe.payouts
    where
        status not in ('paid', 'failed', 'canceled')
        or reconciliation_status not in ('completed', 'not_applicable')
"""

_ROWS_ABOUT_PAYOUTS = """
    select account_id, id from stripe.balance_transactions where source like 'po\\_%' escape '\\'
    union
    select account_id, id from stripe.payout_transactions where source like 'po\\_%' escape '\\'
"""

_UNCONFIRMED_ROWS = """
    select distinct listed.account_id, listed.created
    from stripe.payout_transactions as listed
    inner join windows_read
        on
            listed.account_id = windows_read.account_id
            and listed.created >= coalesce(windows_read.created_from, listed.created)
            and listed.created <= windows_read.created_through
    where not exists (
        select 1
        from stripe.balance_transactions as ledger
        where ledger.account_id = listed.account_id and ledger.id = listed.id
    )
    order by all
"""

_ROWS_BEFORE_WINDOW = """
    with named as (
        select account_id, created, balance_transaction as id from stripe.payouts
        union all
        select account_id, created, failure_balance_transaction from stripe.payouts
    )

    select distinct named.account_id, named.id
    from named
    inner join windows_read
        on named.account_id = windows_read.account_id and named.created < windows_read.created_from
    where
        named.id is not null
        and not exists (
            select 1 from stripe.balance_transactions as ledger
            where ledger.account_id = named.account_id and ledger.id = named.id
        )
        and not exists (
            select 1 from stripe.payout_transactions as listed
            where listed.account_id = named.account_id and listed.id = named.id
        )
    order by all
"""
