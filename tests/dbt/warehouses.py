"""Small raw warehouses made through the real dlt source, and dbt run on them in this process.

One place for the file and one for dbt's target: dbt then parses the project once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from loader.build import DBT_PROJECT, DbtProject
from loader.sources.bank_statements import bank_statements
from loader.sources.batch import Batch
from loader.sources.stripe_connect import stripe_connect
from loader.warehouse import Warehouse

AS_OF = datetime(2024, 3, 12, 12, tzinfo=UTC)


def load_raw(folder: Path, batch: Batch) -> Path:
    """Load a batch as a sync does, and no bank statements; answer the DuckDB file."""
    path = folder / "warehouse.duckdb"
    with Warehouse(path).connect():
        pass  # the file is made as a sync makes it, before dlt opens it
    for dataset, source in (("stripe", stripe_connect(batch)), ("bank", bank_statements({}, []))):
        pipeline = dlt.pipeline(
            f"raw_{dataset}",
            pipelines_dir=str(folder / "dlt"),
            destination=dlt.destinations.duckdb(str(path)),
            dataset_name=dataset,
        )
        pipeline.run(source)
    return path


@dataclass(frozen=True)
class Workbench:
    """One warehouse file at a time, under one path, with dbt's target beside it."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def target_dir(self) -> Path:
        return self.folder / "target"

    @property
    def project(self) -> DbtProject:
        return DbtProject(self.path, self.target_dir, AS_OF)

    def put(self, raw: Path) -> None:
        """Lay a copy of a raw warehouse on the bench."""
        shutil.copyfile(raw, self.path)

    def change(self, statements: Iterable[str]) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return connection.execute(query).fetchall()

    def dbt(self, *command: str) -> Any:  # noqa: ANN401
        """Run a dbt command; answer its result."""
        os.environ["TIEOUT_DBT_WAREHOUSE"] = str(self.path)
        directories = {
            "--project-dir": DBT_PROJECT,
            "--profiles-dir": DBT_PROJECT,
            "--target-path": self.target_dir,
            "--log-path": self.target_dir,
        }
        arguments = [str(part) for pair in directories.items() for part in pair]
        variables = f"{{as_of: '{AS_OF:%Y-%m-%d %H:%M:%S}'}}"
        try:
            outcome = dbtRunner().invoke(
                [*command, *arguments, "--vars", variables, "--quiet", "--log-level", "none"]
            )
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
        assert outcome.exception is None, outcome.exception
        return outcome.result
