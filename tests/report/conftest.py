from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from loader.run_record import RunRecord
from loader.settings import Settings
from tests.report.browser import Browser, browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture
def tables(broken_run: tuple[Settings, RunRecord], tmp_path: Path) -> Path:
    """A copy of the published tables of a run with discrepancies, to change."""
    path = tmp_path / "reconciliation.duckdb"
    shutil.copyfile(broken_run[0].published_path, path)
    return path


@pytest.fixture
def changed(tables: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same, open for writing."""
    with duckdb.connect(str(tables)) as connection:
        yield connection
