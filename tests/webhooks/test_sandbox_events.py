"""The bundled sandbox sends the events of a story that goes on, and they are acted on."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from loader.run_record import RunRecord
from loader.settings import Settings
from tests.commands import TIEOUT
from tests.runs import copy_of

LONG_ENOUGH_SECONDS = 240


@pytest.mark.xdist_group("sandbox_runs")
def test_the_sandbox_sends_events_that_are_acted_on(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    settings, _ = copy_of(clean_run, tmp_path / "data")
    # Stripe works on payouts after midnight: the story goes on from shortly before it.
    evening = settings.as_of.replace(hour=23, minute=30)
    process = subprocess.Popen(
        [str(TIEOUT), "serve"],
        env={
            "PATH": "",
            "TIEOUT_DATA_DIR": str(settings.data_dir),
            "TIEOUT_AS_OF": evening.isoformat(),
            "TIEOUT_WEBHOOK_PORT": "0",
            "TIEOUT_WEBHOOK_DEBOUNCE_SECONDS": "1",
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said: list[str] = []
    while not said or "Published after" not in said[-1]:
        said.append(process.stdout.readline())
        assert said[-1], said
    process.send_signal(signal.SIGTERM)
    assert process.wait(LONG_ENOUGH_SECONDS) == 0
    folder = settings.mode_dir
    record = json.loads((folder / "run.json").read_text())
    assert record["exit_code"] == 0
    assert record["scope"]
    assert record["requests_total"] < 80
    assert (folder / "sandbox.clock").read_text() > evening.isoformat()
