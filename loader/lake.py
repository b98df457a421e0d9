# ruff: noqa: S608 - every name in these queries is our own, every text quoted
"""A lake of parquet in place of the DuckDB file: many loaders write to it at once.

    <lake>/<dataset>/<table>/shard=<k-of-n>/load_id=<dlt's load id>/<file>.parquet

Rows are only ever added; a load counts once dlt has put its record into `_dlt_loads`, after all its
files. What a load that was cut short left is never read. The raw tables are what the newest load
says of each key.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import duckdb

from loader.duckdb_files import literal
from loader.lake_files import is_local, lake_files, matching_paths, reaching, shown
from loader.lake_tables import DATASETS, LakeTable, newest_rows, sql_columns
from loader.raw_data import DUCKDB_SETTINGS, RawData
from loader.settings import Mode, SettingsError
from loader.sources.shard import WHOLE, Shard
from loader.warehouse import WarehouseError

# Raised when what a lake of this version holds can't be read by older code.
LAKE_VERSION = 1

_OWNER = "owner.json"
_TOLD_OF_OWNER = {"platform_account_id", "mode", "lake_version"}
_COMPLETE_RUN = "complete_run.json"

# Where the tables that Spark builds lie, a folder for each schema, and what was published of them.
BUILT, PUBLISHED = "built", "published"

# Which version is the newest, and what tables it has.
LATEST = "latest.json"

# What a run has to know of the last one's verdicts.
_JUDGED = ("fct_payout_reconciliation", "fct_reconciliation_exceptions")

# In the name of a load's record; it is when the load began, in seconds since 1970.
_LOAD_ID = re.compile(r"__(\d+(?:\.\d+)?)\.jsonl$")

# Machines' clocks may differ by so much: which of two loads is newer is told by their clocks.
_CLOCKS_APART_SECONDS = 10

# All that is written beside the raw tables.
WRITTEN = (_OWNER, _COMPLETE_RUN, BUILT, PUBLISHED)


@dataclass(frozen=True)
class Lake(RawData):
    """The raw tables of one platform account in one mode, as files in a folder.

    Attributes:
        url: the folder, or where fsspec finds it (`s3://…`).
        shard: the accounts that this process reads; it is asked of no others.
    """

    url: str
    shard: Shard = WHOLE

    only_adds: ClassVar[bool] = True

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        with reaching(self.url):
            return bool(self._files.exists(self._path(_OWNER)))

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open DuckDB with views of the raw tables, for questions."""
        with tempfile.TemporaryDirectory(prefix="tieout-") as folder:
            connection = duckdb.connect()
            try:
                connection.execute(f"set temp_directory = {literal(folder)}")
                for name, value in DUCKDB_SETTINGS.items():
                    connection.execute(f"set {name} = '{value}'")
                if not is_local(self._files):
                    connection.register_filesystem(self._files)
                self._make_views(connection)
                yield connection
            finally:
                connection.close()

    def claim(self, platform_account_id: str, mode: Mode) -> bool:
        """Make the lake this platform's, or refuse another's; answer whether it is new.

        Raises:
            SettingsError: the lake is another platform's or mode's.
            WarehouseError: what was loaded lies in the future of this machine's clock.
        """
        is_new = self.owner() is None
        if is_new:
            owner = {"platform_account_id": platform_account_id, "mode": mode.value}
            self._write(_OWNER, owner | {"lake_version": LAKE_VERSION})
        self.refuse_another(platform_account_id, mode)
        self._refuse_slow_clock()
        return is_new

    def owner(self) -> dict[str, Any] | None:
        """Answer whose the lake is; none if it is nobody's yet.

        Raises:
            SettingsError: it can't be told.
        """
        with reaching(self.url):
            owner = self._read(_OWNER)
        if owner is None:
            return None
        if not owner.keys() >= _TOLD_OF_OWNER:
            raise SettingsError(
                f"{shown(self._path(_OWNER))} does not say whose this lake is. Use another "
                "TIEOUT_LAKE, or delete that file if the lake is yours."
            )
        return owner

    def refuse_another(self, platform_account_id: str | None, mode: Mode) -> None:
        """Refuse the lake if it is of another platform or mode, or of a newer version.

        Args:
            platform_account_id: the key's; none leaves that open.
            mode: the key's.

        Raises:
            SettingsError: it is.
        """
        owner = self.owner()
        if owner is None:
            return
        known = platform_account_id or owner["platform_account_id"]
        if (owner["platform_account_id"], owner["mode"]) != (known, mode.value):
            raise SettingsError(
                f"{shown(self.url)} holds the {owner['mode']} data of platform account "
                f"{owner['platform_account_id']}, but STRIPE_API_KEY opens {mode.value} data of "
                f"{known}. Nothing was written. Use that account's key, or another TIEOUT_LAKE."
            )
        if owner["lake_version"] > LAKE_VERSION:
            raise SettingsError(
                f"{shown(self.url)} was written by a newer Tieout (lake version "
                f"{owner['lake_version']}, this one knows {LAKE_VERSION}). Upgrade Tieout, or use "
                "another TIEOUT_LAKE."
            )

    def refuse_earlier(self, columns: Mapping[str, Collection[str]]) -> None:
        """Refuse nothing: what an earlier version's files lack is null, and read as that."""

    def note_complete_run(self) -> None:
        """Note that every account was looked at, and what came of it was published."""
        self._write(_COMPLETE_RUN, {"is_done": True})

    def holds_complete_run(self) -> bool:
        """Tell whether every account was ever looked at: else what is here is a part."""
        return bool(self._files.exists(self._path(_COMPLETE_RUN)))

    def forget(self) -> None:
        """Throw everything away that Tieout wrote into the lake."""
        for name in (*DATASETS, *WRITTEN):
            if self._files.exists(self._path(name)):
                self._files.rm(self._path(name), recursive=True)

    def drop_statement_sources(self, source_ids: Collection[str]) -> None:
        """Drop nothing: what no path stands for is in no raw table."""

    @property
    def _files(self) -> Any:  # noqa: ANN401 - fsspec is untyped
        return lake_files(self.url)

    def _path(self, *parts: str) -> str:
        return "/".join((self.url.rstrip("/"), *parts))

    def _refuse_slow_clock(self) -> None:
        records = matching_paths(self._files, self._path("stripe", "_dlt_loads"), "*.jsonl")
        load_ids = (_LOAD_ID.search(record) for record in records)
        newest = max((float(load_id[1]) for load_id in load_ids if load_id), default=0.0)
        behind = newest - time.time()
        if behind > _CLOCKS_APART_SECONDS:
            raise WarehouseError(
                f"What was loaded into {shown(self.url)} last is {behind:.0f} seconds ahead of "
                "this machine's clock, so what is loaded now would count as older. Nothing was "
                "read. Set the clocks of all machines that load there, then run again."
            )

    def _read(self, *parts: str) -> dict[str, Any] | None:
        """Answer what a JSON file says: nothing if it is none, none if it is not there."""
        try:
            content = json.loads(self._files.cat_file(self._path(*parts)))
        except FileNotFoundError:
            return None
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        """Write a small file that others may read at any moment: a folder would show half of it."""
        self._files.makedirs(self.url, exist_ok=True)
        path = self._path(name)
        aside = f"{path}.{uuid.uuid4().hex}" if is_local(self._files) else path
        self._files.pipe_file(aside, json.dumps(content).encode())
        if aside != path:
            self._files.mv(aside, path)

    def _make_views(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Show the raw tables of each dataset into which anything was ever loaded."""
        for dataset, tables in DATASETS.items():
            connection.execute(f"create schema {dataset}")
            records = matching_paths(self._files, self._path(dataset, "_dlt_loads"), "*.jsonl")
            if not records:
                continue
            # A record that was cut short is of a load that did not end.
            connection.execute(
                f"create view {dataset}._dlt_loads as select * from read_json({_listed(records)}, "
                "format = 'newline_delimited', ignore_errors = true, "
                "columns = {load_id: 'varchar', status: 'bigint', inserted_at: 'timestamptz'}) "
                "where load_id is not null"
            )
            counted = connection.execute(
                f"select load_id from {dataset}._dlt_loads where status = 0"
            ).fetchall()
            load_ids = {load_id for (load_id,) in counted}
            for table in tables:
                rows = newest_rows(dataset, table, self._loaded(dataset, table, load_ids))
                connection.execute(f"create view {dataset}.{table.name} as {rows}")
        self._show_verdicts(connection)

    def _show_verdicts(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Show what was published last of each payout: a list that does not add up is read anew."""
        latest = self._read(PUBLISHED, LATEST) or {}
        folder = self._path(PUBLISHED, latest.get("version", ""))
        connection.execute("create schema finance")
        for table in _JUDGED:
            files = matching_paths(self._files, folder, f"{table}.parquet")
            if files:
                connection.execute(
                    f"create view finance.{table} as select * from read_parquet({_listed(files)})"
                )

    def _loaded(self, dataset: str, table: LakeTable, load_ids: Collection[str]) -> str:
        """Answer a query for all rows loaded of a table; columns that all files lack are null."""
        columns = sql_columns(table)
        typed = ", ".join(f"cast(null as {kind}) as {name}" for name, kind in columns.items())
        query = f"select {typed}, cast(null as varchar) as load_id where false"
        files = self._files_of(dataset, table, load_ids)
        if files:
            query += (
                f" union all by name select * exclude (shard) from read_parquet({_listed(files)}, "
                "union_by_name = true, hive_partitioning = true, "
                "hive_types = {shard: varchar, load_id: varchar})"
            )
        return f"({query})"

    def _files_of(self, dataset: str, table: LakeTable, load_ids: Collection[str]) -> list[str]:
        """Answer the files of a table, but those in which only other shards' accounts are.

        What a load left that did not end is not looked at: it may be half a file.
        """
        suffix = f"-of-{self.shard.count}"
        return [
            path
            for path in matching_paths(
                self._files, self._path(dataset, table.name), "*/*/*.parquet"
            )
            if path.split("/")[-2].removeprefix("load_id=") in load_ids
            and (
                (folder := path.split("/")[-3].removeprefix("shard=")) == self.shard.name
                or not folder.endswith(suffix)
            )
        ]


def _listed(paths: Collection[str]) -> str:
    return f"[{', '.join(literal(path) for path in paths)}]"
