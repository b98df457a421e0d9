"""Runs of the real job, in this process, and questions to what they published."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock

from loader.build import DbtProject, models_version
from loader.job import Job, JobOptions
from loader.run_record import RunRecord
from loader.settings import Settings
from loader.sources.price import Price

# The day of the runs that several tests look at.
AS_OF = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


class Quiet:
    """Progress that nobody watches."""

    def waiting_for_another_run(self) -> None:
        """Say nothing."""

    def reads_everything(self) -> None:
        """Say nothing."""

    def accounts_found(self, count: int) -> None:
        """Say nothing."""

    def priced(self, price: Price) -> None:
        """Say nothing."""

    def clock_is_off(self, seconds: float) -> None:
        """Say nothing."""

    def lists_read(self, count: int) -> None:
        """Say nothing."""

    def account_read(self, account_id: str, status: str) -> None:
        """Say nothing."""

    def step_begun(self, step: str) -> None:
        """Say nothing."""

    def rows_read(self, count: int) -> None:
        """Say nothing."""

    def rows_loaded(self, count: int) -> None:
        """Say nothing."""


def settings_for(data_dir: Path, as_of: datetime, **values: Any) -> Settings:  # noqa: ANN401
    return Settings(data_dir=data_dir, as_of=as_of, **values)


def reconcile(settings: Settings, *, broken: bool = False, full: bool = False) -> RunRecord:
    return Job(settings, Quiet()).reconcile(JobOptions(broken=broken, full=full))


def read_once(folder: Path) -> Path:
    """Answer the file of what dbt makes of the project, which stays in the folder."""
    read = folder / models_version() / "partial_parse.msgpack"
    with FileLock(folder / "lock"):
        if not read.exists():
            shutil.rmtree(folder / "reading", ignore_errors=True)
            DbtProject(folder / "warehouse.duckdb", folder / "reading", AS_OF).invoke("parse")
            (folder / "reading").rename(read.parent)
    return read


def copy_of(run: tuple[Settings, RunRecord], folder: Path) -> tuple[Settings, RunRecord]:
    """Answer a run's settings over a copy of its folder, to go on from, and its record."""
    settings, record = run
    shutil.copytree(settings.data_dir, folder, dirs_exist_ok=True)
    return settings.model_copy(update={"data_dir": folder}), record


def rows(path: Path, query: str, parameters: Iterable[object] = ()) -> list[tuple[Any, ...]]:
    """Answer the rows of a query over a DuckDB file."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query, list(parameters)).fetchall()


def published_tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Answer every published table with its rows in their order, less when a balance was read."""
    names = rows(path, "select table_name from duckdb_tables() order by 1")
    kept = "columns(name -> name != 'read_at')"
    return {name: rows(path, f"select {kept} from finance.{name}") for (name,) in names}
