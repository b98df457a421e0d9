"""The first run over a small platform, that several tests go on from in a copy of their own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.commands import KEY, tieout
from tests.small_stripe import SmallStripe
from tests.synced import JANUARY

# A month that is over would be closed by the run: what comes later stands apart then.
AS_OF = "2026-01-31"

# Tests that go on from it are one worker's, so that it is made once.
GROUP = "first_run"


def small_platform() -> SmallStripe:
    """Answer a platform with one payout, and an account that nothing happens to."""
    stripe = SmallStripe(connected=["acct_quiet"])
    stripe.add_payout("po_1", JANUARY, 700, 300)
    return stripe


def environment_for(base: str, data: Path) -> dict[str, str]:
    """Answer the settings under which a command goes on from it."""
    return {
        "STRIPE_API_KEY": KEY,
        "STRIPE_API_BASE": base,
        "TIEOUT_DATA_DIR": str(data),
        "TIEOUT_AS_OF": AS_OF,
    }


@dataclass(frozen=True)
class FirstRun:
    """The data folder that it left."""

    data: Path

    def copied(self, data: Path) -> Path:
        """Copy it; answer the folder of the mode."""
        return shutil.copytree(self.data, data) / "test"


def run_first(data: Path) -> FirstRun:
    """Run the whole job for the first time."""
    with small_platform().served() as base:
        outcome = tieout("reconcile", **environment_for(base, data))
    assert outcome.returncode == 0, outcome.stderr
    return FirstRun(data)
