from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.settings import silence_telemetry
from tests.small_stripe import SmallStripe
from tests.synced import Synced

silence_telemetry()


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
