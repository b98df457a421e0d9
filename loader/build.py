"""Runs the dbt project on the warehouse: first the models, then the tests.

Two steps, because a test that fails must not keep a model from being built: finance has to see
the break in the published tables.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner, dbtRunnerResult
from dbt.contracts.graph.manifest import Manifest

from loader.duckdb_files import reading

# What goes wrong is in the results; the log file keeps the rest.
_QUIET = ("--quiet", "--log-level", "none", "--log-level-file", "info", "--no-use-colors")

# What DuckDB may hold while the models are built and tested; beyond it, it works on disk. Large
# ledgers get room in proportion: joins that spill take several times as long, and what can't spill
# would fail.
LEAST_MEMORY_BYTES = 550_000_000
MEMORY_PER_WAREHOUSE_BYTE = 8
MEMORY_STEP = 1.1

# What the same models make the same whatever the raw rows and the day are: seeds, and the views
# over raw tables. Making them again takes a fifth of a small run.
_ALWAYS_THE_SAME = ("resource_type:seed", "path:models/staging")

# What speaks of lines of bank statements, named so, is empty where there are no statements: nothing
# is to be made anew. It is more than a quarter of the models.
_OF_STATEMENTS = ("int_bank_*", "fct_bank_*")
_RAW_STATEMENTS = ("statement_files", "statements", "statement_lines")

DBT_PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"


@functools.cache
def models_version() -> str:
    """Answer a hash of all that decides what the models make of the same raw rows.

    Tables that another version built are made anew.
    """
    found = hashlib.sha256(f"duckdb {duckdb.__version__}".encode())
    for path in sorted(DBT_PROJECT.rglob("*")):
        if path.suffix in {".sql", ".yml", ".csv"} and "target" not in path.parts:
            found.update(f"\0{path.relative_to(DBT_PROJECT)}\0".encode() + path.read_bytes())
    return found.hexdigest()


class BuildError(Exception):
    """A model could not be built; the message names it."""


@dataclass(frozen=True)
class BankRules:
    """How far apart a payout's arrival and its line on a statement may be."""

    grace_business_days: int = 5
    """After the arrival date; a payout that is on no statement by then is overdue."""
    days_before: int = 3
    """Calendar days by which a line may be posted before the arrival date."""
    days_after: int = 10
    """Calendar days by which it may be posted after."""


@dataclass(frozen=True)
class DbtProject:
    """The dbt project, pointed at one warehouse and one as-of moment (UTC)."""

    warehouse_path: Path
    target_dir: Path
    as_of: datetime
    bank: BankRules = BankRules()
    engine: ClassVar[str] = "duckdb"
    """The target of dbt's profile."""

    def require(self) -> None:
        """Refuse to begin where what builds the models is not installed.

        Raises:
            SettingsError: it is not.
        """

    @contextmanager
    def session(self, *, only_looks: bool = False) -> Iterator[None]:
        """Keep what building and testing share.

        Args:
            only_looks: nothing will be built; what earlier builds left stays as it is.
        """
        yield

    def collect(self) -> None:
        """Bring what was built into the DuckDB file, where it was built elsewhere."""

    def read(self) -> Manifest:
        """Answer the project as dbt reads it.

        Raises:
            BuildError: it can't be read.
        """
        outcome = self._run_dbt("parse")
        if not isinstance(outcome.result, Manifest):
            raise BuildError(f"dbt can't read the project: {outcome.exception}")
        return outcome.result

    def run_models(self, *, full: bool = False) -> None:
        """Build seeds and models.

        Args:
            full: make all tables anew, but those that can't be computed again; else the ledger is
                changed where the raw rows were since the last build.

        Raises:
            BuildError: one could not be built, or the project can't be read.
        """
        options = ["--resource-type", "seed", "--resource-type", "model"]
        if full:
            options.append("--full-refresh")
        elif self.is_built and self._was_built_by_these_models():
            options += ["--exclude", *_ALWAYS_THE_SAME]
            if self._is_without_statements():
                options += _OF_STATEMENTS
        self._built_marker.unlink(missing_ok=True)
        # The tests come next and write the same description of the project: once is enough.
        results = self.invoke("build", "--no-write-json", *options)
        failed = [r for r in results if r.status in {"error", "fail", "skipped"}]
        if failed:
            first = failed[0]
            raise BuildError(
                f"The model {first.node.name} could not be built: {first.message}\n"
                f"Nothing was published. The log is in {self.target_dir / 'dbt.log'}."
            )
        self._note_built()

    def _was_built_by_these_models(self) -> bool:
        try:
            with reading(self.warehouse_path) as connection:
                kept = connection.execute(
                    "select 1 from audit.fingerprints_kept where models_version = ? limit 1",
                    [models_version()],
                )
                return kept.fetchone() is not None
        except duckdb.Error:  # no such file or table: nothing was built
            return False

    def _is_without_statements(self) -> bool:
        """Tell whether there are no bank statements, and nothing is left of any."""
        with reading(self.warehouse_path) as connection:
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() "
                "where schema_name = 'bank' and list_contains(?, table_name) "
                "or table_name similar to '(int|fct)_bank_.*'",
                [_RAW_STATEMENTS],
            ).fetchall()
            one_of_each = " union all ".join(
                f"(select 1 from {schema}.{table} limit 1)"  # noqa: S608 - our own names
                for schema, table in tables
            )
            return not connection.execute(one_of_each).fetchall()

    @property
    def is_built(self) -> bool:
        """Whether the last build of the models went through to its end."""
        return self._built_marker.exists()

    @property
    def built_as_of(self) -> datetime:
        """What "today" was (UTC) when the models were built, where `is_built`."""
        return datetime.fromisoformat(self._built_marker.read_text())

    def _note_built(self) -> None:
        self._built_marker.write_text(self.as_of.isoformat())

    @property
    def _built_marker(self) -> Path:
        return self.target_dir / "models_built"

    def run_tests(self) -> list[FailedTest]:
        """Run every data test; answer those that do not hold.

        These alone are run once more, to store the rows that break them: a table for each test
        that holds would take half of the time.

        Raises:
            BuildError: a test could not be run at all.
        """
        results = self.invoke("test", "--resource-type", "test")
        broken = [r for r in results if r.status == "error"]
        if broken:
            raise BuildError(f"The test {broken[0].node.name} can't run: {broken[0].message}")
        failed = {r.node.name: r.failures for r in results if r.status == "fail"}
        self._forget_failures({r.node.alias for r in results})
        if not failed:
            return []
        stored = self.invoke("test", "--select", *failed, "--store-failures")
        tables = {r.node.name: r.node.relation_name for r in stored if r.status == "fail"}
        return [FailedTest(name, count, tables.get(name)) for name, count in failed.items()]

    def _forget_failures(self, test_tables: set[str]) -> None:
        """Drop what earlier runs stored of tests."""
        with duckdb.connect(str(self.warehouse_path)) as connection:
            stored = connection.execute(
                "select table_name from duckdb_tables() where schema_name = 'audit'"
            ).fetchall()
            for (name,) in stored:
                if name in test_tables:
                    connection.execute(f'drop table audit."{name}"')

    def write_docs(self, path: Path) -> None:
        """Write the dbt docs, lineage included, as one offline HTML file.

        Raises:
            BuildError: the project can't be read.
        """
        page = self.target_dir / "static_index.html"
        page.unlink(missing_ok=True)
        self.invoke("docs", "generate", "--static")
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.new")
        shutil.copyfile(page, unfinished)
        unfinished.replace(path)

    def _vars(self) -> dict[str, str | int | None]:
        return {
            "models_version": models_version(),
            "bank_grace_business_days": self.bank.grace_business_days,
            "bank_days_before": self.bank.days_before,
            "bank_days_after": self.bank.days_after,
        }

    def _memory_limit(self) -> str:
        size = self.warehouse_path.stat().st_size if self.warehouse_path.exists() else 0
        limit = float(LEAST_MEMORY_BYTES)
        # In steps: where the profile differs, dbt reads the whole project anew.
        while limit < MEMORY_PER_WAREHOUSE_BYTE * size:
            limit *= MEMORY_STEP
        return f"{round(limit / 1_000)}KB"

    def invoke(self, *command: str) -> Sequence[Any]:
        """Run a dbt command on the warehouse; answer the results of its nodes.

        Raises:
            BuildError: the project can't be read, or there was nothing to build or to test.
        """
        outcome = self._run_dbt(*command)
        results = getattr(outcome.result, "results", None)
        nothing_done = command[0] in {"build", "test"} and not results
        if outcome.exception is not None or nothing_done or not (results or outcome.success):
            reason = outcome.exception or "it had nothing to do"
            raise BuildError(f"dbt {command[0]} failed: {reason}")
        return results or []

    def _run_dbt(self, *command: str) -> dbtRunnerResult:
        # By its name alone, from its own folder: dbt reads the whole project anew where the path is
        # another one, so that a folder that was moved would cost ten seconds.
        os.environ["TIEOUT_DBT_WAREHOUSE"] = self.warehouse_path.name
        os.environ["TIEOUT_DBT_MEMORY_LIMIT"] = self._memory_limit()
        os.environ["TIEOUT_DBT_AS_OF"] = self.as_of.strftime("%Y-%m-%d %H:%M:%S")
        directories = {
            "--target": self.engine,
            "--project-dir": DBT_PROJECT,
            "--profiles-dir": DBT_PROJECT,
            "--target-path": self.target_dir.absolute(),
            "--log-path": self.target_dir.absolute(),
        }
        arguments = [str(part) for pair in directories.items() for part in pair]
        # A log that can't be written (a full disk) is no reason for stack traces on the screen.
        logging.raiseExceptions = False
        # What dbt makes lives until it ends; looking for garbage meanwhile takes a fifth of a run.
        gc.disable()
        try:
            with contextlib.chdir(self.warehouse_path.parent):
                return dbtRunner().invoke(
                    [*command, *arguments, *_QUIET, "--vars", json.dumps(self._vars())]
                )
        finally:
            gc.enable()
            # dbt keeps the file locked as long as this process lives.
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]  # dbt's own is untyped


@dataclass(frozen=True)
class FailedTest:
    """A dbt test that does not hold, and the table that keeps the rows that break it."""

    name: str
    failures: int
    stored_in: str | None = field(default=None)
