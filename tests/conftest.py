from __future__ import annotations

import os
from pathlib import Path

import pytest

from loader.settings import silence_telemetry

silence_telemetry()


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's environment and `.env` out of every test."""
    for name in list(os.environ):
        if name.startswith(("STRIPE_", "TIEOUT_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
