from __future__ import annotations

from pathlib import Path

import pytest

from loader.sources.batch import Batch
from tests.dbt.warehouses import Workbench, load_raw

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep all dbt tests in one worker: they share one parsed project and one file."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("dbt"))


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def empty_raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answer a warehouse of a platform of which nothing was read yet: every raw table is there."""
    return load_raw(tmp_path_factory.mktemp("empty"), Batch())
