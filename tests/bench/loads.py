"""Scenarios that measure how fast and how sparingly a measured platform is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from loader.sandbox.options import SandboxOptions
from loader.stripe_api.pacing import REQUESTS_IN_FLIGHT
from tests.bench.figures import Figure
from tests.bench.measuring import Asked, BenchError, Installation, Platform, Run, run
from tests.bench.tables import check_measured

Say = Callable[[str], None]

AS_OF = datetime(2026, 4, 1, tzinfo=UTC)
LIMIT_PER_ENDPOINT = 25.0
_LISTING = "/v1/balance_transactions"


@dataclass(frozen=True)
class Load:
    """A run, and the seconds from its first request until the last row was written."""

    run: Run
    load_seconds: float


def backfill(folder: Path, say: Say) -> Iterator[Figure]:
    """One account, 50,000 transactions in 500 payouts, all for the first time."""
    for latency in (50, 0):
        options = replace(_platform(1, 500, 100), latency_ms=latency)
        with Platform(options) as platform:
            say(f"{latency} ms: the floor")
            floor = _floor(platform, folder / f"floor-{latency}", "backfill")
            say(f"{latency} ms: tieout sync")
            installation = Installation(folder / f"tieout-{latency}", platform)
            load = _sync(installation)
            say(f"{latency} ms: looking whether the tables are right")
            check_measured(installation)
        goals = {"load": "ratio ≤ 1.5", "requests": "≤ 515"} if latency else {}
        yield from _figures("backfill", f"{latency} ms", load, floor, goals)


def limited(folder: Path, say: Say) -> Iterator[Figure]:
    """A minute's backfill against 25 requests a second and endpoint: how much of it is held."""
    options = replace(
        _platform(1, 1_500, 100), latency_ms=50, requests_per_second=LIMIT_PER_ENDPOINT
    )
    with Platform(options) as platform:
        say("tieout sync")
        installation = Installation(folder / "tieout", platform, requests_per_second="")
        load = _sync(installation)
        say("looking whether the tables are right")
        check_measured(installation)
    asked = load.run.asked
    # The bucket is full at the start and holds a second's requests.
    least = max(asked.requests / LIMIT_PER_ENDPOINT - 1, 0)
    yield Figure("limited", "first request to last commit", load.load_seconds, "s", least)
    yield Figure("limited", "requests", asked.requests)
    for name, seconds in (
        ("limit held, first to last request of the listing", _listing_seconds(asked)),
        ("limit held, first request to last commit", load.load_seconds),
    ):
        share = asked.endpoints[_LISTING]["answered"] / seconds / LIMIT_PER_ENDPOINT * 100
        yield Figure("limited", name, share, "%", 100.0, is_rate=True)
    yield Figure("limited", "requests refused", asked.refused / asked.requests * 100, "%", 0.0)


def platform(folder: Path, say: Say) -> Iterator[Figure]:
    """1,000 accounts with 50 payouts each, and 10,000 accounts with nothing new."""
    with Platform(_platform(1_000, 50, 4)) as many_payouts:
        say("1,000 accounts: the floor")
        floor = _floor(many_payouts, folder / "floor-1000", "backfill")
        say("1,000 accounts: tieout sync")
        installation = Installation(folder / "tieout-1000", many_payouts)
        load = _sync(installation)
        say("1,000 accounts: looking whether the tables are right")
        check_measured(installation)
    yield from _figures("platform", "1,000 accounts", load, floor, {})
    with Platform(_platform(10_000, 1, 3)) as many_accounts:
        say("10,000 accounts: the first load")
        installation = Installation(folder / "tieout-10000", many_accounts)
        first = _sync(installation)
        yield Figure("platform", "10,000 accounts, first load", first.load_seconds, "s")
        yield Figure("platform", "10,000 accounts, first load: requests", first.run.asked.requests)
        say("10,000 accounts: the floor of nothing new")
        floor = _floor(many_accounts, folder / "floor-10000", "nothing-new")
        say("10,000 accounts: tieout sync with nothing new")
        load = _sync(installation)
        say("10,000 accounts: looking whether the tables are right")
        check_measured(installation)
    yield from _figures("platform", "10,000 accounts, nothing new", load, floor, {})


def large(folder: Path, say: Say) -> Iterator[Figure]:
    """One account of 300,000, 1,000,000 and 3,000,000 transactions: rows a second, and memory.

    What is on its way to the disk is bounded; a history of 100,000 transactions ends before it is
    as much as it may be.
    """
    peaks: list[float] = []
    for payouts in (300, 1_000, 3_000):
        rows = payouts * 1_000
        with Platform(_platform(1, payouts, 1_000)) as one_account:
            say(f"{rows:,} rows: the floor")
            floor = _floor(one_account, folder / f"floor-{rows}", "backfill")
            say(f"{rows:,} rows: tieout sync")
            installation = Installation(folder / f"tieout-{rows}", one_account)
            load = _sync(installation)
            say(f"{rows:,} rows: looking whether the tables are right")
            check_measured(installation)
        peaks.append(load.run.peak_megabytes)
        speeds = rows / load.load_seconds, rows / floor.load_seconds
        yield Figure("large", f"{rows:,} rows, a second", speeds[0], "", speeds[1], is_rate=True)
        yield from _figures("large", f"{rows:,} rows", load, floor, {})
    yield Figure("large", "peak memory, 3,000,000 against 300,000 rows", peaks[-1] / peaks[0], "x")


def _platform(accounts: int, payouts: int, rows: int) -> SandboxOptions:
    return SandboxOptions.measured(
        as_of=AS_OF, accounts=accounts, payouts_per_account=payouts, rows_per_payout=rows
    )


def _sync(installation: Installation) -> Load:
    done = installation.tieout("sync").expect(0)
    return Load(done, installation.last_commit_at() - done.asked.first_at)


def _floor(platform: Platform, folder: Path, what: str) -> Load:
    place = (platform.base_url, platform.api_key, str(folder), str(REQUESTS_IN_FLIGHT))
    done = run(platform, folder, ("-m", "tests.bench.floor", *place, what)).expect(0)
    if done.asked.hurt:
        raise BenchError(f"the floor was refused {done.asked.hurt} answers")
    written = (folder / "floor.parquet").stat().st_mtime
    return Load(done, max(written, done.asked.last_at) - done.asked.first_at)


def _figures(
    scenario: str, name: str, load: Load, floor: Load, goals: dict[str, str]
) -> Iterator[Figure]:
    ours, least = load.run, floor.run

    def figure(what: str, value: float, of_floor: float, unit: str = "", goal: str = "") -> Figure:
        return Figure(scenario, f"{name}: {what}", value, unit, of_floor, goals.get(goal, ""))

    yield figure("first request to last commit", load.load_seconds, floor.load_seconds, "s", "load")
    yield figure("whole process", ours.seconds, least.seconds, "s")
    yield figure("CPU", ours.cpu_seconds, least.cpu_seconds, "s")
    yield figure("peak memory", ours.peak_megabytes, least.peak_megabytes, "MB")
    yield figure("requests", ours.asked.requests, least.asked.requests, goal="requests")


def _listing_seconds(asked: Asked) -> float:
    listing = asked.endpoints[_LISTING]
    return float(listing["last_at"]) - float(listing["first_at"])
