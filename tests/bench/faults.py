"""Scenarios that hurt a run, and look whether its tables are those of a run that was let alone."""

from __future__ import annotations

import json
import math
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from loader.sandbox.options import SandboxOptions
from tests.bench.figures import Figure
from tests.bench.killed import MOMENTS
from tests.bench.loads import Say
from tests.bench.measuring import BenchError, Installation, Platform, Run
from tests.bench.tables import check_same

# The sandbox's story, with everything that can happen to a payout, long enough for two batches.
_AS_OF = datetime(2026, 4, 1, 12, tzinfo=UTC)
_STORY = SandboxOptions(first_day=(_AS_OF - timedelta(days=220)).date(), as_of=_AS_OF)

FEWEST_KILLS = 20
FAULT_RATE = 0.11
# Where most of a run's changes are made: early, midway and late.
_LOOKED_AT_CLOSELY = ("load: rows are merged", "build: a statement of dbt")
_SHARES_OF_REQUESTS = (0.02, 0.25, 0.5, 0.75, 0.98)


@dataclass(frozen=True)
class Kill:
    """Where a run is killed."""

    name: str
    moment: str
    """Of `killed.py`; empty for a number of requests."""
    count: int

    def strike(self, installation: Installation) -> Run:
        """Run the whole job and kill it there."""
        platform = installation.platform
        if self.moment:
            return _watched(installation, self.moment, self.count)
        return installation.tieout(
            "reconcile", until=lambda: platform.asked().requests >= self.count
        )


def kills(folder: Path, say: Say) -> Iterator[Figure]:
    """Runs killed (-9) at 20 points and more: the next plain run ends with the same tables."""
    with Platform(_STORY) as platform:
        say("a run that is let alone, and one with nothing new")
        alone = Installation(folder / "alone", platform)
        unkilled = _watched(alone, "", 0).expect(0)
        seen = json.loads((alone.folder / "moments.json").read_text())
        nothing_new = alone.tieout("reconcile").expect(0)
        struck = 0
        wrong: list[str] = []
        for place, kill in enumerate(_places(seen, unkilled.asked.requests)):
            say(f"killed at {kill.name}")
            installation = Installation(folder / f"kill-{place}", platform)
            killed = kill.strike(installation)
            if killed.exit_code == 0:
                say("  it ended before it came there")
                continue
            struck += 1
            try:
                killed.expect(-signal.SIGKILL)
                mended = installation.tieout("reconcile").expect(0)
                check_same(alone.published_path, installation.published_path)
            except BenchError as error:
                wrong.append(f"killed at {kill.name}: {error}")
                continue
            finally:
                shutil.rmtree(installation.folder)
            asked = killed.asked.requests + mended.asked.requests
            yield Figure(
                "kills",
                f"{kill.name}: requests repeated",
                asked - unkilled.asked.requests,
                floor=nothing_new.asked.requests,
            )
        survived = struck - len(wrong)
        yield Figure("kills", "kills survived with the same tables", survived, "", struck)
        if struck < FEWEST_KILLS:
            wrong.append(f"only {struck} runs could be killed: {seen}")
        if wrong:
            raise BenchError("\n".join(wrong))


def chaos(folder: Path, say: Say) -> Iterator[Figure]:
    """11 % of requests get an error, a spoilt body, silence or no answer: the same tables."""
    runs: dict[float, Run] = {}
    published: dict[float, Path] = {}
    for rate in (0.0, FAULT_RATE):
        say(f"{rate:.0%} of requests hurt")
        with Platform(replace(_STORY, fault_rate=rate)) as platform:
            installation = Installation(folder / f"hurt-{rate}", platform)
            runs[rate] = installation.tieout("reconcile").expect(0)
        published[rate] = installation.published_path
    check_same(published[0.0], published[FAULT_RATE])
    hurt, calm = runs[FAULT_RATE], runs[0.0]
    if not hurt.asked.hurt:
        raise BenchError("no request was hurt")
    yield Figure("chaos", "requests hurt", hurt.asked.hurt / hurt.asked.requests * 100, "%")
    yield Figure("chaos", "requests", hurt.asked.requests, "", calm.asked.requests)
    yield Figure("chaos", "whole job", hurt.seconds, "s", calm.seconds)


def _places(seen: dict[str, int], requests: int) -> Iterator[Kill]:
    """Answer where to kill: by share of requests, and midway of what comes at each moment."""
    for share in _SHARES_OF_REQUESTS:
        yield Kill(f"{share:.0%} of requests", "", math.ceil(requests * share))
    for name, _ in MOMENTS:
        often = seen.get(name, 0)
        shares = (0.1, 0.5, 0.9) if name in _LOOKED_AT_CLOSELY else (0.5,)
        for count in sorted({math.ceil(often * share) for share in shares} - {0}):
            yield Kill(f"{name}, {count} of {often}", name, count)


def _watched(installation: Installation, moment: str, count: int) -> Run:
    folder = str(installation.folder)
    return installation.python("-m", "tests.bench.killed", folder, moment, str(count), "reconcile")
