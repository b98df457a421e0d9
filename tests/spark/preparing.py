"""What the tests compare on, made side by side while the cluster starts."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from loader.engine import dbt_project_of
from loader.job import Job, JobOptions
from loader.run_record import RunRecord
from loader.settings import Engine, Settings
from tests.runs import AS_OF, Quiet, read_once, reconcile, settings_for


@dataclass(frozen=True)
class Prepared:
    """What the tests compare on."""

    on_duckdb: dict[bool, tuple[Settings, RunRecord]]
    """A run over clean data and one over data with faults planted (true)."""
    faults_loaded: Settings
    """The lake that the data with faults planted was loaded into, and nothing was built of."""


def prepare(folder: Path, dbt_cache: Path) -> Prepared:
    """Make it, and with it what dbt reads of the project: 5 s for each engine."""
    runs = {broken: settings_for(folder / f"duckdb_{broken}", AS_OF) for broken in (False, True)}
    lake = settings_for(folder / "lake", AS_OF, engine=Engine.SPARK)
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as processes:
        reading = processes.submit(read_once, dbt_cache)
        reading_for_spark = processes.submit(_read_for_spark, folder / "read")
        loading = processes.submit(_load_with_faults, lake)
        read = reading.result()
        records = {
            broken: processes.submit(_reconcile, settings, read, broken=broken)
            for broken, settings in runs.items()
        }
        loading.result()
        os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(reading_for_spark.result())
        on_duckdb = {broken: (runs[broken], records[broken].result()) for broken in runs}
    return Prepared(on_duckdb, lake)


def _reconcile(settings: Settings, read: Path, *, broken: bool) -> RunRecord:
    os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(read)
    return reconcile(settings, broken=broken)


def _load_with_faults(lake: Settings) -> None:
    job, options = Job(lake, Quiet()), JobOptions(broken=True)
    job.sync(options)
    job.sync_bank(options)


def _read_for_spark(folder: Path) -> Path:
    project = dbt_project_of(settings_for(folder, AS_OF, engine=Engine.SPARK))
    project.warehouse_path.parent.mkdir(parents=True)
    project.read()
    return project.target_dir / "partial_parse.msgpack"
