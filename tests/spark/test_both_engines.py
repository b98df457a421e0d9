"""Both engines publish the same, row by row: clean data and data with faults planted."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loader.build import BuildError
from loader.engine import dbt_project_of
from loader.job import Job
from loader.settings import Engine, Settings
from tests.commands import tieout
from tests.runs import AS_OF, Quiet, published_tables, reconcile, rows, settings_for
from tests.spark.cluster import Cluster, free_port
from tests.spark.preparing import Prepared, a_day_later

COLUMNS = (
    "select table_name, column_name, data_type, is_nullable, comment from duckdb_columns() "
    "where schema_name = 'finance' order by all"
)


def test_clean_data_though_a_worker_is_killed_in_the_build(
    spark: Cluster, prepared: Prepared, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, AS_OF, engine=Engine.SPARK, spark_master=spark.master)
    built = Path(settings.lake, "built/intermediate.db")

    def kill_a_worker() -> None:
        while not (built / "int_payouts_summed").exists():
            time.sleep(0.1)
        spark.replace_worker()

    killing = threading.Thread(target=kill_a_worker)
    killing.start()
    record = reconcile(settings)
    killing.join()
    duckdb, its_record = prepared.on_duckdb(broken=False)
    assert (record.exit_code, record.failed_tests) == (0, its_record.failed_tests)
    assert published_tables(settings.published_path) == published_tables(duckdb.published_path)
    assert rows(settings.published_path, COLUMNS) == rows(duckdb.published_path, COLUMNS)
    latest = json.loads(Path(settings.lake, "published/latest.json").read_text())
    folder = Path(settings.lake, "published", latest["version"])
    for table in latest["tables"]:
        query = f"select count(*) from finance.{table}"
        assert (
            pq.read_metadata(folder / f"{table}.parquet").num_rows
            == rows(settings.published_path, query)[0][0]
        )


def test_planted_faults_are_told_alike_day_after_day_and_unit_tests_hold(
    spark: Cluster, prepared: Prepared, tmp_path: Path
) -> None:
    settings = prepared.faults_loaded.model_copy(update={"spark_master": spark.master})
    project = dbt_project_of(settings)
    leave_half_a_load(Path(settings.lake))
    with project.session():
        project.run_models()
        # The DuckDB file is the last build's until it is replaced.
        assert not project.is_built
        failed = project.run_tests()
        unit_tests = project.invoke("test", "--select", "test_type:unit")
        project.collect()
    Job(a_day_later(settings), Quiet()).publish()
    latest = json.loads(Path(settings.lake, "published/latest.json").read_text())
    assert latest["as_of"] == AS_OF.isoformat()
    duckdb, its_record = prepared.on_duckdb(broken=True)
    assert failed
    assert sorted((test.name, test.failures) for test in failed) == sorted(
        (test["test"], test["failures"]) for test in its_record.failed_tests
    )
    assert len(unit_tests) > 50
    assert [test.node.name for test in unit_tests if test.status != "pass"] == []
    assert published_tables(settings.published_path) == published_tables(duckdb.published_path)
    assert_the_next_day_is_told_alike(settings, prepared.build_a_day_later(tmp_path / "later"))


def assert_the_next_day_is_told_alike(settings: Settings, on_duckdb: Future[Settings]) -> None:
    """Build on: what is never built again goes on from what the last build left."""
    later = a_day_later(settings)
    project = dbt_project_of(later)
    with project.session():
        project.run_models()
        project.collect()
    Job(later, Quiet()).publish()
    its_path = on_duckdb.result().published_path
    assert published_tables(later.published_path) == published_tables(its_path)
    first_seen = rows(
        its_path,
        "select distinct cast(first_seen_at as date) from finance.fct_reconciliation_exceptions",
    )
    assert (AS_OF.date(),) in first_seen


def leave_half_a_load(lake: Path) -> None:
    """Leave what a loader leaves that is killed while it writes."""
    for shard in list(lake.glob("stripe/*/shard=*")):
        folder = shard / "load_id=9999999999.1"
        folder.mkdir()
        (folder / "1.parquet").write_bytes(b"half a file")


def test_a_lake_of_which_spark_sees_nothing_is_refused(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, AS_OF, engine=Engine.SPARK, spark_master="local[1]")
    loads = Path(settings.lake, "stripe/_dlt_loads")
    loads.mkdir(parents=True)
    (loads / "1.jsonl").touch()
    project = dbt_project_of(settings)
    project.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BuildError, match="finds none of what was loaded"), project.session():
        pass


def test_a_cluster_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    nowhere = f"spark://127.0.0.1:{free_port()}"
    environment = {"TIEOUT_ENGINE": "spark", "TIEOUT_SPARK_MASTER": nowhere}
    outcome = tieout("reconcile", **environment)
    assert outcome.returncode == 1
    assert f"Spark at {nowhere} can't be used" in outcome.stderr
    # Nothing was read before it was said.
    assert not (tmp_path / "data/sandbox/lake").exists()
