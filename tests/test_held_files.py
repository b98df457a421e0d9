"""A second run and other programs that hold a file: a sentence, exit code 1, nothing changed."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.commands import KEY, finish, start, tieout
from tests.other_process import holding
from tests.scripted_stripe import Answer, Request
from tests.small_stripe import SmallStripe

DAY_ONE = 1_767_225_600


def small_stripe() -> SmallStripe:
    small = SmallStripe()
    small.add_payout("po_1", DAY_ONE, 700, 300)
    return small


def test_a_second_run_leaves_at_once_and_the_first_goes_on(tmp_path: Path) -> None:
    small = small_stripe()
    asked, go_on = threading.Event(), threading.Event()

    def wait_for_the_second_run(_: Request) -> Answer | None:
        asked.set()
        assert go_on.wait(60)
        return None

    small.answer = wait_for_the_second_run
    with small.served() as base:
        first = start("reconcile", STRIPE_API_KEY=KEY, STRIPE_API_BASE=base)
        assert asked.wait(60)
        second = tieout("reconcile", STRIPE_API_KEY=KEY, STRIPE_API_BASE=base)
        status = tieout("status", STRIPE_API_KEY=KEY)
        requests_while_held = len(small.asked)
        go_on.set()
        outcome = finish(first)
    assert second.returncode == 1
    assert "Another run is at work in" in second.stderr
    assert "Wait until it ends" in second.stderr
    assert requests_while_held == 1
    assert "A run is at work" in status.stdout
    assert outcome.returncode == 0, outcome.stderr
    assert (tmp_path / "data/test/reconciliation.duckdb").exists()
    assert "A run is at work" not in tieout("status", STRIPE_API_KEY=KEY).stdout


def test_a_warehouse_that_another_program_holds_stops_the_run(tmp_path: Path) -> None:
    small = small_stripe()
    folder = tmp_path / "data/test"
    with small.served() as base:
        settings = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": base}
        assert tieout("reconcile", **settings).returncode == 0
        published = (folder / "reconciliation.duckdb").read_bytes()
        small.add_payout("po_2", DAY_ONE + 86_400, 50)
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
