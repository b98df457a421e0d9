"""A second run and other programs that hold a file: a sentence, exit code 1, nothing changed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.commands import finish, start, tieout
from tests.first_run import GROUP, FirstRun, environment_for, small_platform
from tests.other_process import holding
from tests.scripted_stripe import Answer, Request
from tests.small_stripe import DAY
from tests.synced import JANUARY

pytestmark = pytest.mark.xdist_group(GROUP)


def test_a_second_run_leaves_at_once_and_the_first_goes_on(
    tmp_path: Path, first_run: FirstRun
) -> None:
    data = tmp_path / "data"
    folder = first_run.copied(data)
    published = (folder / "reconciliation.duckdb").read_bytes()
    small = small_platform()
    asked, go_on = threading.Event(), threading.Event()

    def wait_for_the_second_run(_: Request) -> Answer | None:
        asked.set()
        assert go_on.wait(60)
        return None

    small.answer = wait_for_the_second_run
    with small.served() as base:
        settings = environment_for(base, data)
        first = start("reconcile", **settings)
        assert asked.wait(60)
        second = tieout("reconcile", **settings)
        status = tieout("status", **settings)
        requests_while_held = len(small.asked)
        go_on.set()
        outcome = finish(first)
    assert second.returncode == 1
    assert "Another run is at work in" in second.stderr
    assert "Wait until it ends" in second.stderr
    assert requests_while_held == 1
    assert "A run is at work" in status.stdout
    assert outcome.returncode == 0, outcome.stderr
    assert (folder / "reconciliation.duckdb").read_bytes() != published
    assert "A run is at work" not in tieout("status", **settings).stdout


def test_a_warehouse_that_another_program_holds_stops_the_run(
    tmp_path: Path, first_run: FirstRun
) -> None:
    folder = first_run.copied(tmp_path / "data")
    published = (folder / "reconciliation.duckdb").read_bytes()
    small = small_platform()
    small.add_payout("po_2", JANUARY + DAY, 50)
    with small.served() as base:
        settings = environment_for(base, tmp_path / "data")
        for access in ("read", "write"):
            with holding(folder / "warehouse.duckdb", access) as holder:
                held = tieout("reconcile", **settings)
            assert held.returncode == 1
            assert f"PID {holder}" in held.stderr
            assert "is held by another program" in held.stderr
            assert "reconciliation.duckdb instead" in held.stderr
            assert "is held by another program" in (folder / "run.json").read_text()
            assert (folder / "reconciliation.duckdb").read_bytes() == published
        # A reader of the published file is in nobody's way.
        with holding(folder / "reconciliation.duckdb", "read"):
            assert tieout("reconcile", **settings).returncode == 0
    assert (folder / "reconciliation.duckdb").read_bytes() != published
