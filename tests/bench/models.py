"""The scenario that measures how fast the dbt project proves a large platform."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

from tests.bench.building import Built, build
from tests.bench.figures import REPOSITORY, Figure
from tests.bench.ledgers import Ledgers
from tests.bench.loads import Say
from tests.bench.measuring import BenchError

ONE_MILLION = Ledgers(accounts=200, payouts_per_account=100, charges_per_payout=50)
TEN_MILLION = Ledgers(accounts=2_000, payouts_per_account=100, charges_per_payout=50)


def models(folder: Path, say: Say) -> Iterator[Figure]:
    """dbt at 1 and 10 million transactions: all for the first time, one more day, the tests."""
    for ledgers, goals in ((ONE_MILLION, (6, 3, 10)), (TEN_MILLION, (60, 5, None))):
        size = f"{ledgers.transactions / 1e6:.2f} million"
        place = folder / str(ledgers.accounts)
        place.mkdir()
        say(f"{size}: making the raw tables")
        make_raw_tables(ledgers, place)
        floor = _group_by_seconds(place)
        say(f"{size}: building")
        yield from _figures(
            f"{size}, all", build(place, ledgers.as_of, "run_models"), floor, goals[0]
        )
        _check(ledgers, place)
        later = ledgers.after_a_day()
        make_raw_tables(later, place, "--add-last-day")
        say(f"{size}: building with one more day")
        built = build(place, later.as_of, "run_models")
        yield from _figures(f"{size}, one more day", built, floor, goals[1])
        _check(later, place)
        say(f"{size}: testing")
        yield from _figures(
            f"{size}, tests", build(place, later.as_of, "run_tests"), floor, goals[2]
        )


def make_raw_tables(ledgers: Ledgers, folder: Path, *options: str) -> None:
    """Make a warehouse of these ledgers in a folder, or add to it.

    Raises:
        BenchError: it can't be made.
    """
    size = ledgers.accounts, ledgers.payouts_per_account, ledgers.charges_per_payout
    command = [sys.executable, "-m", "tests.bench.ledgers", str(folder), *map(str, size), *options]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if made.returncode:
        raise BenchError(f"the raw tables can't be made: {made.stderr[-3_000:]}")


def _group_by_seconds(folder: Path) -> float:
    """Answer how long one plain `group by` over the same rows takes: the least there is to do."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        began = time.monotonic()
        connection.sql(
            "select account_id, payout_id, sum(net) from stripe.payout_transactions group by all"
        ).fetchall()
        return time.monotonic() - began


def _figures(name: str, built: Built, floor: float, goal: int | None) -> Iterator[Figure]:
    wanted = f"≤ {goal} s" if goal else ""
    yield Figure("models", f"{name} ({built.slowest()})", built.seconds, "s", floor, wanted)
    yield Figure("models", f"{name}: whole process", built.run.seconds, "s")
    yield Figure("models", f"{name}: peak memory", built.run.peak_megabytes, "MB")


def _check(ledgers: Ledgers, folder: Path) -> None:
    """Count what the tables have to hold."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.sql(
            """
            select
                (select count(*) from finance.fct_payout_reconciliation where is_reconciled),
                (select count(*) from finance.fct_balance_transactions),
                (select count(*) from finance.fct_balance_proof where proof_status = 'proven'),
                (select count(*) from finance.fct_reconciliation_exceptions),
            """
        ).fetchone()
    expected = (ledgers.payouts, ledgers.transactions, ledgers.accounts, 0)
    if found != expected:
        raise BenchError(f"the tables hold {found}, not {expected}")
