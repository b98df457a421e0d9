"""What was loaded so far, wherever it lies: whose it is, and what a run may ask of it.

The questions are the same for a DuckDB file (`warehouse.py`) and for a lake of parquet
(`lake.py`); both show the raw tables to DuckDB as `stripe` and `bank`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb

from loader.histories import AccountHistory, read_histories
from loader.loose_ends import LooseEnds, find_loose_ends
from loader.raw_views import has_raw_tables, has_table
from loader.settings import Mode

# What DuckDB may take while a platform is synced: it would keep as much of the file in memory as
# there is room, and a sync shares the machine with what it reads. Beyond it, it works on disk; each
# thread needs a part of it, and with 16 of them it was too little for 15 million rows.
DUCKDB_SETTINGS: Mapping[str, str | int] = {
    "memory_limit": "160MB",
    "threads": min(4, os.cpu_count() or 1),
}


@dataclass(frozen=True)
class StatementFile:
    """What the warehouse holds of a path in the folder of bank statements."""

    source_id: str
    format: str | None
    reason: str | None
    """Why it is not whole; none if it is."""


class RawData(ABC):
    """The raw tables of one platform account in one mode."""

    only_adds: ClassVar[bool] = False
    """Whether rows are only ever added: then the newest of each key counts."""

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether anything was ever written."""

    @abstractmethod
    def connect(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open it for questions; why it can't be opened is a `WarehouseError`."""

    @abstractmethod
    def claim(self, platform_account_id: str, mode: Mode) -> bool:
        """Make it this platform's, or refuse another platform's or mode's data.

        Answers whether it is new.

        Raises:
            SettingsError: it belongs to another platform account or mode.
        """

    @abstractmethod
    def refuse_earlier(self, columns: Mapping[str, Collection[str]]) -> None:
        """Refuse raw tables that an earlier version made with fewer columns.

        Args:
            columns: by raw table, the columns that it has now.

        Raises:
            WarehouseError: a table lacks one; what it would hold can't be made up.
        """

    @abstractmethod
    def note_complete_run(self) -> None:
        """Note that every account was looked at, and what came of it was published."""

    @abstractmethod
    def holds_complete_run(self) -> bool:
        """Tell whether every account was ever looked at: else what is here is a part."""

    @abstractmethod
    def drop_statement_sources(self, source_ids: Collection[str]) -> None:
        """Drop the statements and lines of contents that no path stands for any more."""

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep what is costly to open open in this process, while it asks and loads."""
        yield

    def tidy(self) -> None:  # noqa: B027 - most need none
        """Do between two loads what keeps the next ones fast."""

    def histories(
        self, start: int | None = None, named_payouts: Collection[str] = ()
    ) -> dict[str, AccountHistory]:
        """Answer what earlier runs read, by account (see `read_histories`)."""
        with self.connect() as connection:
            return read_histories(connection, start, named_payouts)

    def next_run_number(self) -> int:
        """Answer the number of the run that begins now."""
        with self.connect() as connection:
            if not has_raw_tables(connection):
                return 1
            last = connection.execute("select max(run_number) from stripe.account_syncs").fetchone()
        return 1 + ((last and last[0]) or 0)

    def known_accounts(self) -> dict[str, dict[str, Any]]:
        """Answer every account ever loaded, by id: what a reader has to know of it."""
        names = ("account_id", "is_platform_account", "created")
        with self.connect() as connection:
            if not has_raw_tables(connection):
                return {}
        rows = self.rows_of("stripe.accounts", names)
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows}

    def accounts_of_payouts(self, payout_ids: Collection[str]) -> dict[str, str]:
        """Answer the account of each payout that was loaded before."""
        if not self.exists:
            return {}
        with self.connect() as connection:
            if not has_raw_tables(connection):
                return {}
            found = connection.execute(
                "select id, account_id from stripe.payouts where list_contains(?, id)",
                [list(payout_ids)],
            ).fetchall()
        return dict(found)

    def statement_files(self) -> dict[str, StatementFile] | None:
        """Answer the statement files read so far, by path; none before the first were."""
        with self.connect() as connection:
            if not has_table(connection, "bank", "statement_files"):
                return None
            # A file whose load was cut short counts as not read.
            rows = connection.execute(
                "select path, source_id, format, reason from bank.statement_files "
                "where _dlt_load_id is null or _dlt_load_id in "
                "(select load_id from bank._dlt_loads where status = 0)"
            ).fetchall()
        return {path: StatementFile(*rest) for path, *rest in rows}

    def rows_of(self, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Answer some columns of all rows of a small table."""
        with self.connect() as connection:
            return connection.execute(
                f"select {', '.join(columns)} from {table}"  # noqa: S608 - our own names
            ).fetchall()

    def loose_ends(self) -> dict[str, LooseEnds]:
        """Answer, by account, what has to be looked up before anything is called missing."""
        with self.connect() as connection:
            return find_loose_ends(connection)
