"""The private DuckDB file: whose it is, and how it is opened.

The file is opened for the moment of a question, or kept open while a sync asks and loads; dlt and
dbt open it for themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from loader.raw_data import DUCKDB_SETTINGS, RawData
from loader.raw_views import has_table
from loader.settings import Mode, SettingsError

# Raised when what a warehouse of this version holds can't be read by older code.
WAREHOUSE_VERSION = 1

# The file is the project's own: unlike the published one, it need not be readable for DuckDB 1.0.
# From 1.3 on texts are written in half of the time, in as little room; 1.4 is supported for long.
STORAGE_VERSION = "v1.4.0"

# A log of what was written is worked into the file from this size on.
LARGEST_LOG_BYTES = 64_000_000


class WarehouseError(Exception):
    """The warehouse can't be used; the message says why and what to do."""


@dataclass(frozen=True)
class Warehouse(RawData):
    """The warehouse of one platform account in one mode."""

    path: Path

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file; why it can't be opened is a `WarehouseError`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        try:
            if is_new:
                self._make()
            connection = duckdb.connect(str(self.path))
        except duckdb.IOException as error:
            if is_new:  # a full disk: the half of a file that is left would stop every later run
                self.path.unlink(missing_ok=True)
            raise WarehouseError(f"{self.path} can't be opened: {error}") from None
        try:
            for name, value in DUCKDB_SETTINGS.items():
                connection.execute(f"set {name} = '{value}'")
            yield connection
        finally:
            connection.close()

    def _make(self) -> None:
        # Alone: connections with settings of their own can't be open beside others.
        duckdb.connect(
            str(self.path), config={"storage_compatibility_version": STORAGE_VERSION}
        ).close()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the file open in this process: each load and question then finds it open.

        Opening it anew for each of them, and working its log into it as it is closed, takes a
        third of a load.
        """
        with self.connect():
            yield

    def tidy(self) -> None:
        """Work the log of what was written into the file, if it has grown long."""
        log = self.path.with_name(f"{self.path.name}.wal")
        if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
            with self.connect() as connection:
                connection.execute("checkpoint")

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

    def refuse_earlier(self, columns: Mapping[str, Collection[str]]) -> None:
        """Refuse a warehouse whose raw tables an earlier version made with fewer columns.

        Args:
            columns: by raw table, the columns that it has now.

        Raises:
            WarehouseError: a table lacks one; what it would hold can't be made up.
        """
        with self.connect() as connection:
            rows = connection.execute(
                "select table_name, column_name from duckdb_columns() where schema_name = 'stripe'"
            ).fetchall()
        there = {(table, column) for table, column in rows}
        for table in {table for table, _ in rows} & columns.keys():
            lacking = sorted({column for column in columns[table] if (table, column) not in there})
            if lacking:
                raise WarehouseError(
                    f"{self.path} was made by an earlier Tieout: its table {table} has no "
                    f"{', '.join(lacking)}. Move the folder {self.path.parent} away and run again: "
                    "everything is read from Stripe anew. What was published until now stays in "
                    "the folder that you moved; copy its folder of bank statements back."
                )

    def note_complete_run(self) -> None:
        """Note that every account was looked at, and what came of it was published."""
        with self.connect() as connection:
            connection.execute("create table if not exists audit.complete_run (is_done boolean)")

    def holds_complete_run(self) -> bool:
        """Tell whether every account was ever looked at: else what is here is a part."""
        if not self.path.exists():
            return False
        with self.connect() as connection:
            return has_table(connection, "audit", "complete_run")

    def drop_statement_sources(self, source_ids: Collection[str]) -> None:
        """Drop the statements and lines of contents that no path stands for any more."""
        if not source_ids:
            return
        with self.connect() as connection:
            for table in ("statement_lines", "statements"):
                connection.execute(
                    f"delete from bank.{table} where list_contains(?, source_id) "  # noqa: S608
                    "and source_id not in (select source_id from bank.statement_files)",
                    [list(source_ids)],
                )
