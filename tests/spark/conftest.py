"""What the tests compare on: a cluster, a lake, and what DuckDB made of the same data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pytest

from loader.engine import dbt_project_of
from loader.job import Job, JobOptions
from loader.run_record import RunRecord
from loader.settings import Engine, Settings
from tests.runs import AS_OF, Quiet, reconcile, settings_for
from tests.spark.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers."""
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@dataclass(frozen=True)
class Prepared:
    """What is made while the cluster starts."""

    on_duckdb: dict[bool, tuple[Settings, RunRecord]]
    """A run over clean data and one over data with faults planted (true)."""
    faults_loaded: Settings
    """The lake that the data with faults planted was loaded into, and nothing was built of."""


@pytest.fixture(scope="session")
def prepared(spark: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Make it, side by side; with it what dbt reads of the project for Spark, which takes 5 s."""
    runs = {
        broken: settings_for(tmp_path_factory.mktemp("duckdb"), AS_OF) for broken in (False, True)
    }
    lake = settings_for(tmp_path_factory.mktemp("lake"), AS_OF, engine=Engine.SPARK)
    target = tmp_path_factory.mktemp("read")
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        records = {
            broken: processes.submit(reconcile, settings, broken=broken)
            for broken, settings in runs.items()
        }
        reading = processes.submit(_read_for_spark, target)
        loading = processes.submit(_load_with_faults, lake)
        os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(reading.result())
        loading.result()
        on_duckdb = {broken: (runs[broken], records[broken].result()) for broken in runs}
    return Prepared(on_duckdb, lake.model_copy(update={"spark_master": spark.master}))


def _load_with_faults(lake: Settings) -> None:
    job, options = Job(lake, Quiet()), JobOptions(broken=True)
    job.sync(options)
    job.sync_bank(options)


def _read_for_spark(folder: Path) -> Path:
    project = dbt_project_of(settings_for(folder, AS_OF, engine=Engine.SPARK))
    project.warehouse_path.parent.mkdir(parents=True)
    project.read()
    return project.target_dir / "partial_parse.msgpack"
