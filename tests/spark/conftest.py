from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.spark.cluster import Cluster, cluster
from tests.spark.preparing import Prepared, prepare


@pytest.fixture(scope="session", autouse=True)
def _dbt_project_is_read_once() -> None:
    """Read it when all else is made: see `prepare`."""


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two workers."""
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def prepared(
    spark: Cluster, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prepared]:
    """What is made while the cluster starts, and beside the first test."""
    assert spark  # begins first
    folder, cache = tmp_path_factory.mktemp("prepared"), pytestconfig.cache.mkdir("dbt")
    with prepare(folder, cache) as being_made:
        yield being_made
