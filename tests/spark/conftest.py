"""What the tests compare on: a cluster, and what DuckDB made of the same data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from loader.engine import dbt_project_of
from loader.run_record import RunRecord
from loader.settings import Engine, Settings
from tests.runs import AS_OF, reconcile, settings_for
from tests.spark.cluster import Cluster, cluster


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers."""
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def on_duckdb(
    spark: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> dict[bool, tuple[Settings, RunRecord]]:
    """A run over clean data and one over data with faults planted (true), side by side.

    They are made while the cluster starts, and with them what dbt makes of the project for Spark:
    reading it takes each test 5 s.
    """
    runs = {
        broken: settings_for(tmp_path_factory.mktemp("duckdb"), AS_OF) for broken in (False, True)
    }
    target = tmp_path_factory.mktemp("read")
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        records = {
            broken: processes.submit(reconcile, settings, broken=broken)
            for broken, settings in runs.items()
        }
        reading = processes.submit(_read_for_spark, target)
        os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(reading.result())
        return {broken: (settings, records[broken].result()) for broken, settings in runs.items()}


def _read_for_spark(folder: Path) -> Path:
    project = dbt_project_of(settings_for(folder, AS_OF, engine=Engine.SPARK))
    project.warehouse_path.parent.mkdir(parents=True)
    project.read()
    return project.target_dir / "partial_parse.msgpack"
