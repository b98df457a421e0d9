from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.run_record import RunRecord
from loader.settings import Settings, silence_telemetry
from tests.first_run import FirstRun, run_first
from tests.runs import AS_OF, read_once, reconcile, settings_for
from tests.small_stripe import SmallStripe
from tests.synced import Synced

silence_telemetry()


@pytest.fixture(scope="session", autouse=True)
def _dbt_project_is_read_once(pytestconfig: pytest.Config) -> None:
    """Let each folder of a test begin with what dbt made of the project: reading it takes 5 s."""
    folder = pytestconfig.cache.mkdir("dbt")
    os.environ["DBT_PARTIAL_PARSE_FILE_PATH"] = str(read_once(folder))


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's environment and `.env` out of every test."""
    for name in list(os.environ):
        if name.startswith(("STRIPE_", "TIEOUT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def stripe() -> SmallStripe:
    """A platform that a test writes down."""
    return SmallStripe()


@pytest.fixture
def synced(stripe: SmallStripe, tmp_path: Path) -> Iterator[Synced]:
    """A warehouse that is loaded from it."""
    with stripe.served() as base:
        yield Synced(stripe, tmp_path, base)


@pytest.fixture(scope="session")
def clean_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RunRecord]:
    """A run over the sandbox's default story, to look at: a test that changes it takes a copy."""
    settings = settings_for(tmp_path_factory.mktemp("clean"), AS_OF)
    return settings, reconcile(settings)


@pytest.fixture(scope="session")
def broken_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, RunRecord]:
    """The same over the story with discrepancies planted."""
    settings = settings_for(tmp_path_factory.mktemp("broken"), AS_OF)
    return settings, reconcile(settings, broken=True)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """A run over a small platform, by the command line."""
    return run_first(tmp_path_factory.mktemp("first") / "data")
