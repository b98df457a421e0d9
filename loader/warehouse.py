"""The private DuckDB file: whose it is, what it already holds, and what is still loose in it.

The file is opened for the moment of a question only; dlt and dbt open it for themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """The newest transaction read by `created`; none if there was none."""
    payouts_through: int | None = None
    """The newest payout read."""
    listed_payouts: frozenset[str] = frozenset()
    """Payouts whose list is stored whole, less those that the last build could not reconcile."""
    open_payouts: frozenset[str] = frozenset()
    """Payouts whose stored state Stripe may still change."""


@dataclass(frozen=True)
class LooseEnds:
    """What the stored rows of one account name and that is not stored as they name it."""

    payouts: frozenset[str] = frozenset()
    """Payouts to read anew: named by a row or a reversal that the stored payout does not know of,
    or completed with no list to show for it."""
    unconfirmed_created: frozenset[int] = frozenset()
    """`created` of listed rows inside the window that the window does not hold."""
    rows_before_window: frozenset[str] = frozenset()
    """Ids of payouts' own and failure rows that are older than the window."""

    def without(self, others: LooseEnds) -> LooseEnds:
        """Answer the ends that are not among others."""
        return LooseEnds(
            self.payouts - others.payouts,
            self.unconfirmed_created - others.unconfirmed_created,
            self.rows_before_window - others.rows_before_window,
        )

    def __bool__(self) -> bool:
        return bool(self.payouts or self.unconfirmed_created or self.rows_before_window)


@dataclass(frozen=True)
class Warehouse:
    """The warehouse of one platform account in one mode."""

    path: Path

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file; why it can't be opened is a `WarehouseError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        try:
            connection = duckdb.connect(str(self.path))
        except duckdb.IOException as error:
            if is_new:  # a full disk: the half of a file that is left would stop every later run
                self.path.unlink(missing_ok=True)
            raise WarehouseError(f"{self.path} can't be opened: {error}") from None
        try:
            yield connection
        finally:
            connection.close()

    def claim(self, platform_account_id: str, mode: Mode) -> bool:
        """Make the warehouse this platform's, or refuse another platform's or mode's data.

        Answers whether the warehouse is new.

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
                return True
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
        return False

    def histories(self) -> dict[str, AccountHistory]:
        """Answer what was wholly read before, by account; a half-loaded package counts for none."""
        with self.connect() as connection:
            if not _has_raw_tables(connection):
                return {}
            _make_views(connection)
            windows = connection.execute("from windows_read").fetchall()
            listed = _sets(connection.execute("from lists_stored").fetchall())
            unfinished = _sets(connection.execute(_OPEN_PAYOUTS).fetchall())
        return {
            account_id: AccountHistory(
                created_from=created_from,
                created_through=created_through,
                payouts_through=payouts_through,
                listed_payouts=listed[account_id],
                open_payouts=unfinished[account_id],
            )
            for account_id, created_from, created_through, payouts_through in windows
        }

    def known_accounts(self) -> set[str]:
        """Answer every account ever loaded."""
        with self.connect() as connection:
            if not _has_raw_tables(connection):
                return set()
            rows = connection.execute("select id from stripe.accounts").fetchall()
        return {account_id for (account_id,) in rows}

    def loose_ends(self) -> dict[str, LooseEnds]:
        """Answer, by account, what has to be looked up before anything is called missing."""
        with self.connect() as connection:
            _make_views(connection)
            payouts = _sets(connection.execute(_PAYOUTS_TO_READ_ANEW).fetchall())
            created = _sets(connection.execute(_UNCONFIRMED_ROWS).fetchall())
            before_window = _sets(connection.execute(_ROWS_BEFORE_WINDOW).fetchall())
        return {
            account_id: LooseEnds(
                payouts[account_id], created[account_id], before_window[account_id]
            )
            for account_id in sorted({*payouts, *created, *before_window})
        }


def _has_raw_tables(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'stripe' and table_name in "
        "('_dlt_loads', 'accounts', 'account_syncs', 'payouts', 'payout_listings')"
    ).fetchone()
    return found == (5,)


def _make_views(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(_WINDOWS_READ)
    connection.execute(
        "create or replace temporary table unreconciled_payouts "
        "(account_id varchar, payout_id varchar)"
    )
    built = connection.execute(
        "select count(*) from duckdb_tables() "
        "where schema_name = 'finance' and table_name = 'fct_payout_reconciliation'"
    ).fetchone()
    if built == (1,):
        connection.execute(_UNRECONCILED)
    connection.execute(_LISTS_STORED)


def _sets(rows: list[tuple[str, Any]]) -> defaultdict[str, frozenset[Any]]:
    gathered: defaultdict[str, set[Any]] = defaultdict(set)
    for account_id, item in rows:
        gathered[account_id].add(item)
    return defaultdict(frozenset, {a: frozenset(items) for a, items in gathered.items()})


# The last whole reading tells the whole window: each one goes on where the one before it ended.
_WINDOWS_READ = """
    create or replace temporary view windows_read as
    select account_id, created_from, created_through, payouts_through
    from stripe.account_syncs
    where
        status = 'readable'
        and _dlt_load_id in (select load_id from stripe._dlt_loads where status = 0)
    qualify row_number() over (partition by account_id order by _dlt_load_id desc) = 1
"""

# A payout that could not be reconciled is listed again: Stripe may have mended its list since.
_LISTS_STORED = """
    create or replace temporary view lists_stored as
    select account_id, id
    from stripe.payout_listings
    where
        is_whole
        and _dlt_load_id in (select load_id from stripe._dlt_loads where status = 0)
        and (account_id, id) not in (from unreconciled_payouts)
"""

# The verdict of the last build, where there was one.
_UNRECONCILED = """
    insert into unreconciled_payouts
    select account_id, payout_id
    from finance.fct_payout_reconciliation
    where reconciliation_status = 'unreconciled'
"""

_OPEN_PAYOUTS = """
    select account_id, id
    from stripe.payouts
    where
        status not in ('paid', 'failed', 'canceled')
        or reconciliation_status not in ('completed', 'not_applicable')
"""

_PAYOUTS_TO_READ_ANEW = """
    with

    rows_about_payouts as (
        select account_id, id, type, source
        from stripe.balance_transactions
        where
            type in ('payout', 'payout_failure', 'payout_cancel')
            or source like 'po!_%' escape '!'
        union
        select account_id, id, type, source
        from stripe.payout_transactions
        where
            type in ('payout', 'payout_failure', 'payout_cancel')
            or source like 'po!_%' escape '!'
    ),

    named as (
        select
            account_id,
            source as payout_id,
            case when type in ('payout_failure', 'payout_cancel') then id end as returned_by,
            cast(null as varchar) as reversed_by
        from rows_about_payouts
        where source is not null
        union all
        select account_id, original_payout, null, id
        from stripe.payouts
        where original_payout is not null
    )

    select distinct named.account_id, named.payout_id
    from named
    left join stripe.payouts as payouts
        on named.account_id = payouts.account_id and named.payout_id = payouts.id
    where
        payouts.id is null
        or (
            named.returned_by is not null
            and named.returned_by is distinct from payouts.failure_balance_transaction
        )
        or (
            named.reversed_by is not null
            and named.reversed_by is distinct from payouts.reversed_by
        )
    union
    select payouts.account_id, payouts.id
    from stripe.payouts as payouts
    anti join lists_stored using (account_id, id)
    where payouts.reconciliation_status = 'completed'
"""

_UNCONFIRMED_ROWS = """
    select distinct listed.account_id, listed.created
    from stripe.payout_transactions as listed
    inner join windows_read
        on
            listed.account_id = windows_read.account_id
            and listed.created >= coalesce(windows_read.created_from, listed.created)
    where not exists (
        select 1
        from stripe.balance_transactions as ledger
        where ledger.account_id = listed.account_id and ledger.id = listed.id
    )
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
"""
