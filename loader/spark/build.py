"""Runs the dbt project on a Spark cluster: the same models and tests as on the DuckDB file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from dbt.artifacts.resources.types import NodeType

from loader.build import DbtProject
from loader.duckdb_files import SCHEMA
from loader.spark.collecting import collect
from loader.spark.session import SparkLake

# What the itemised exports read beside the published tables.
_OF_EXPORTS = ("intermediate", "int_payout_transactions_checked")


@dataclass(frozen=True)
class SparkProject(DbtProject):
    """The dbt project, pointed at a lake; used within `session`."""

    lake: SparkLake = field(kw_only=True)
    engine: ClassVar[str] = "spark"

    def require(self) -> None:
        """Refuse to begin without Java or Spark, or where no master answers.

        Raises:
            SettingsError: Java or Spark is not installed.
            BuildError: the master does not answer.
        """
        self.lake.require()

    @contextmanager
    def session(self, *, only_looks: bool = False) -> Iterator[None]:
        """Keep a Spark session while models are built and tested, or looked at.

        Raises:
            SettingsError: Spark or Java is not installed.
            BuildError: the project can't be read, or the cluster or the lake can't be used.
        """
        with self.lake.session(None if only_looks else self._never_rebuilt()):
            yield

    def run_models(self, *, full: bool = False) -> None:
        """Build seeds and models; they count as built once they are collected."""
        super().run_models(full=full)
        self._built_marker.unlink()

    def collect(self) -> None:
        """Bring the published tables, and what failed of tests, into the DuckDB file."""
        models = [
            node
            for node in self.read().nodes.values()
            if node.resource_type == NodeType.Model and node.schema == SCHEMA
        ]
        built = {schema: self.lake.built(schema) for schema in (SCHEMA, "audit")}
        schema, name = _OF_EXPORTS
        built[schema] = {name: self.lake.written(schema, name)}
        collect(models, built, self.warehouse_path)
        self._note_built()

    def _was_built_by_these_models(self) -> bool:
        """Answer no: whatever stands is made anew, but what can't be computed again."""
        return False

    def _never_rebuilt(self) -> set[str]:
        """Answer the tables that go on from run to run: what they hold can't be computed again."""
        nodes = self.read().nodes.values()
        return {
            f"{node.schema}.{node.alias}"
            for node in nodes
            if getattr(node.config, "full_refresh", None) is False
        }

    def _forget_failures(self, test_tables: set[str]) -> None:
        """Forget nothing: with each session only the tables that go on are there."""

    def _vars(self) -> dict[str, str | int | None]:
        return super()._vars() | {"models_version": None}
