from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lake.syncing import Syncing
from tests.small_stripe import DAY, SmallStripe
from tests.synced import JANUARY


@pytest.fixture
def syncing(stripe: SmallStripe, tmp_path: Path) -> Iterator[Syncing]:
    """A platform with two payouts, and what is synced from it."""
    stripe.add_payout("po_1", JANUARY, 700, 300)
    stripe.add_payout("po_2", JANUARY + DAY, 50)
    with stripe.served() as base:
        yield Syncing(stripe, base, tmp_path)
