"""A run's process that does not do what it should: the worker hears why, and goes on."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path

import pytest

from loader.settings import Mode
from loader.webhooks import run_process
from loader.webhooks.run_process import start_event_run
from loader.webhooks.worker import RunFailedError


def program(folder: Path, script: str) -> str:
    """Write a program that stands in for Python, and for whatever it would run."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\ncat > /dev/null\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def run(monkeypatch: pytest.MonkeyPatch, executable: str) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    asyncio.run(start_event_run({"acct_1": {"po_1"}}, Mode.TEST, None))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 0", "record can't be read"),
        ("echo not JSON", "record can't be read"),
        ("echo '{}'", "record can't be read"),
        ("exit 9", "ended with 9"),
        ("echo Stripe is away >&2; exit 1", "Stripe is away"),
        ("printf 'Traceback (most\\n  File x\\nOSError: why\\n' >&2; exit 1", "OSError: why"),
        ("kill -9 $$", "ended with -9"),
    ],
)
def test_a_run_that_goes_wrong_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, said: str
) -> None:
    with pytest.raises(RunFailedError, match=said) as failure:
        run(monkeypatch, program(tmp_path, script))
    assert "File x" not in str(failure.value)


def test_a_run_that_can_not_be_started_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(RunFailedError, match="can't be started"):
        run(monkeypatch, str(tmp_path / "nothing"))


def test_a_run_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(run_process, "LONGEST_RUN_SECONDS", 0.3)
    with pytest.raises(RunFailedError, match="did not end"):
        run(monkeypatch, program(tmp_path, "sleep 60"))
