# ruff: noqa: S608 - every name in these queries is our own, every text quoted
"""A Spark session that knows the raw tables of a lake, for dbt to build in."""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loader.build import BuildError
from loader.duckdb_files import literal
from loader.lake import BUILT
from loader.lake_files import lake_files, matching_paths, shown
from loader.lake_tables import DATASETS, LakeTable, newest_rows, sql_columns
from loader.spark.installed import require_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What the models rely on; all else is the cluster's and the user's (`spark-defaults.conf`).
_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # A load's id is a text: as a number it would lose digits.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}

# `spark://host:port`, or several of them that stand in for each other: `spark://a:7077,b:7077`.
_STANDALONE = re.compile(r"(?<=[/,])([\w.-]+):(\d+)")
_ANSWERS_WITHIN_SECONDS = 10

_SCHEMAS = ("staging", "intermediate", "finance", "audit")

# In one statement: a lake may hold thousands of loads.
_PARTITIONS_ADDED = 500


@contextmanager
def _told(master: str) -> Iterator[None]:
    """Tell in a sentence what Spark says in a trace."""
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    try:
        yield
    except (PySparkException, Py4JError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = next((line for line in lines if "Exception: " in line), lines[0])
        raise _unusable(master, reason) from None


def _unusable(master: str, reason: str) -> BuildError:
    return BuildError(
        f"Spark at {master} can't be used: {reason} Nothing was published. Is the cluster up "
        "(TIEOUT_SPARK_MASTER), and can each of its machines read and write the lake?"
    )


def refuse_unreachable(master: str) -> None:
    """Refuse a cluster of Spark's own of which no master answers: Spark itself tries for a minute.

    Raises:
        BuildError: none does.
    """
    addresses = _STANDALONE.findall(master) if master.startswith("spark://") else []
    reason = ""
    for host, port in addresses:
        try:
            socket.create_connection((host, int(port)), timeout=_ANSWERS_WITHIN_SECONDS).close()
        except (OSError, OverflowError) as error:  # the latter of a port that can't be
            reason = f"no master answers at {host}:{port} ({error})."
        else:
            return
    if addresses:
        raise _unusable(master, reason)


@dataclass(frozen=True)
class SparkLake:
    """A lake and the cluster that works on it.

    Attributes:
        url: the lake's folder, which every worker can read and write.
        master: the cluster (`spark://host:7077`, `yarn`, `local[*]`, …).
    """

    url: str
    master: str

    def require(self) -> None:
        """Refuse to begin without Java or Spark, or where no master answers.

        Raises:
            SettingsError: Spark or Java is not installed.
            BuildError: the master does not answer.
        """
        require_spark()
        refuse_unreachable(self.master)

    @contextmanager
    def session(self, kept: Collection[str] | None) -> Iterator[SparkSession]:
        """Begin a session in which the raw tables stand; end it.

        Args:
            kept: tables of earlier builds to go on from (`schema.name`); the others are removed.
                None keeps all.

        Raises:
            SettingsError: Spark or Java is not installed.
            BuildError: the cluster or the lake can't be used.
        """
        spark = self._begin()
        try:
            with _told(self.master):
                spark.sparkContext.setLogLevel("ERROR")
                self._show_raw_tables(spark)
                self._show_built_tables(spark, kept)
            yield spark
        finally:
            spark.stop()

    def built(self, schema: str) -> dict[str, list[str]]:
        """Answer the parquet files of each table that was built in a schema, by its name."""
        files, folder = self._files, f"{self._url}/{BUILT}/{schema}.db"
        if not files.isdir(folder):
            return {}
        names = [table.rstrip("/").rsplit("/", 1)[1] for table in files.ls(folder, detail=False)]
        return {name: matching_paths(files, f"{folder}/{name}", "*.parquet") for name in names}

    def written(self, schema: str, view: str) -> list[str]:
        """Write what a view of the session shows; answer the parquet files."""
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

        folder = f"{BUILT}/{schema}.db/{view}"
        rows = SparkSession.active().table(f"{schema}.{view}")
        rows.write.mode("overwrite").parquet(f"{self._location}/{folder}")
        return matching_paths(self._files, f"{self._url}/{folder}", "*.parquet")

    def _begin(self) -> SparkSession:
        self.require()
        from pyspark.sql import SparkSession  # noqa: PLC0415 - an extra

        builder: Any = SparkSession.builder
        builder = builder.appName("tieout").master(self.master)
        for name, value in _SETTINGS.items():
            builder = builder.config(name, value)
        if "spark://127.0.0.1" in self.master or self.master.startswith("local"):
            builder = builder.config("spark.driver.host", "127.0.0.1")
            builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
        builder = builder.config("spark.sql.warehouse.dir", f"{self._location}/{BUILT}")
        with _told(self.master):
            session: SparkSession = builder.getOrCreate()
        return session

    def _show_raw_tables(self, spark: SparkSession) -> None:
        for dataset, tables in DATASETS.items():
            spark.sql(f"create database if not exists {dataset}")
            spark.sql(f"create database if not exists {dataset}_files")
            loads = f"{self._location}/{dataset}/_dlt_loads"
            spark.sql(
                f"create table {dataset}_files._dlt_loads (load_id string, status bigint, "
                f"inserted_at timestamp) using json location {literal(loads)}"
            )
            spark.sql(
                f"create view {dataset}._dlt_loads as select * from {dataset}_files._dlt_loads"
            )
            load_ids = self._loads_counted(spark, dataset)
            for table in tables:
                self._show_raw_table(spark, dataset, table, load_ids)

    def _loads_counted(self, spark: SparkSession, dataset: str) -> set[str]:
        """Answer the loads that ended.

        Raises:
            BuildError: Spark looks elsewhere than the loader wrote, and would build of nothing.
        """
        rows = spark.sql(f"select load_id, status from {dataset}_files._dlt_loads").collect()
        if not rows and matching_paths(self._files, f"{self._url}/{dataset}/_dlt_loads", "*.jsonl"):
            raise _unusable(
                self.master,
                f"it finds none of what was loaded into {shown(self._location)}/{dataset}.",
            )
        return {row.load_id for row in rows if row.status == 0}

    def _show_raw_table(
        self, spark: SparkSession, dataset: str, table: LakeTable, load_ids: Collection[str]
    ) -> None:
        files = f"{dataset}_files.{table.name}"
        columns = ", ".join(f"{name} {kind}" for name, kind in sql_columns(table).items())
        folder = f"{dataset}/{table.name}"
        spark.sql(
            f"create table {files} ({columns}, shard string, load_id string) using parquet "
            f"partitioned by (shard, load_id) location {literal(f'{self._location}/{folder}')}"
        )
        # What a load left that did not end is in no partition: it may be half a file.
        loaded = [
            (path.split("/")[-2].removeprefix("shard="), load_id)
            for path in matching_paths(self._files, f"{self._url}/{folder}", "shard=*/load_id=*")
            if (load_id := path.rsplit("load_id=", 1)[1]) in load_ids
        ]
        for start in range(0, len(loaded), _PARTITIONS_ADDED):
            partitions = " ".join(
                f"partition (shard = {literal(shard)}, load_id = {literal(load_id)})"
                for shard, load_id in loaded[start : start + _PARTITIONS_ADDED]
            )
            spark.sql(f"alter table {files} add {partitions}")
        spark.sql(f"create view {dataset}.{table.name} as {newest_rows(dataset, table, files)}")

    def _show_built_tables(self, spark: SparkSession, kept: Collection[str] | None) -> None:
        """Show what earlier builds left and this one goes on from; make room for the rest."""
        for schema in _SCHEMAS:
            spark.sql(f"create database if not exists {schema}")
            for name, files in self.built(schema).items():
                folder = f"{BUILT}/{schema}.db/{name}"
                if files and (kept is None or f"{schema}.{name}" in kept):
                    spark.sql(
                        f"create table {schema}.{name} using parquet "
                        f"location {literal(f'{self._location}/{folder}')}"
                    )
                elif kept is not None:
                    self._files.rm(f"{self._url}/{folder}", recursive=True)

    @property
    def _url(self) -> str:
        return self.url.rstrip("/")

    @property
    def _location(self) -> str:
        """The lake as Spark is told of it: a bare path could mean the cluster's own file system."""
        return self._url if "://" in self._url else f"file://{self._url}"

    @property
    def _files(self) -> Any:  # noqa: ANN401 - fsspec is untyped
        return lake_files(self.url)
