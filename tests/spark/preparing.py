"""What the tests compare on, made beside the cluster's start and the first of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

from loader.engine import dbt_project_of
from loader.job import Job, JobOptions
from loader.run_record import RunRecord
from loader.settings import Engine, Settings
from tests.runs import AS_OF, Quiet, copy_of, read_once, reconcile, settings_for

Run = tuple[Settings, RunRecord]


@dataclass(frozen=True)
class Prepared:
    """What the tests compare on; who asks for it waits until it is made."""

    _runs: dict[bool, Future[Run]]
    _lake: Future[Settings]
    _processes: ProcessPoolExecutor

    def on_duckdb(self, *, broken: bool) -> Run:
        """Answer a run over clean data, or over data with faults planted."""
        return self._runs[broken].result()

    def build_a_day_later(self, folder: Path) -> Future[Settings]:
        """Begin to build the run over data with faults planted anew, as of the next day."""
        return self._processes.submit(_build_a_day_later, self.on_duckdb(broken=True), folder)

    @property
    def faults_loaded(self) -> Settings:
        """The lake that the data with faults planted was loaded into, and nothing was built of."""
        return self._lake.result()


@contextmanager
def prepare(folder: Path, dbt_cache: Path) -> Iterator[Prepared]:
    """Begin to make it, once what dbt reads of the project is there: 5 s for each engine."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        reading = processes.submit(_read_for_spark, folder / "read")
        runs = {
            broken: processes.submit(_reconcile, folder / f"duckdb_{broken}", dbt_cache, broken)
            for broken in (False, True)
        }
        loading = processes.submit(_load_with_faults, folder / "lake")
        os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(reading.result())
        yield Prepared(runs, loading, processes)


def _reconcile(folder: Path, dbt_cache: Path, broken: bool) -> Run:
    os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(read_once(dbt_cache))
    settings = settings_for(folder, AS_OF)
    return settings, reconcile(settings, broken=broken)


def a_day_later(settings: Settings) -> Settings:
    return settings.model_copy(update={"as_of": AS_OF + timedelta(days=1)})


def _build_a_day_later(run: Run, folder: Path) -> Settings:
    settings, _ = copy_of(run, folder)
    later = a_day_later(settings)
    dbt_project_of(later).run_models()
    Job(later, Quiet()).publish()
    return later


def _load_with_faults(folder: Path) -> Settings:
    lake = settings_for(folder, AS_OF, engine=Engine.SPARK)
    job, options = Job(lake, Quiet()), JobOptions(broken=True)
    job.sync(options)
    job.sync_bank(options)
    return lake


def _read_for_spark(folder: Path) -> Path:
    project = dbt_project_of(settings_for(folder, AS_OF, engine=Engine.SPARK))
    project.warehouse_path.parent.mkdir(parents=True)
    project.read()
    return project.target_dir / "partial_parse.msgpack"
