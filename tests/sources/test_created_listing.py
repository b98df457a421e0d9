"""The listing by `created` in stretches: every row, whatever their times, for few requests more."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loader.histories import Stretch
from loader.sources import created_listing
from loader.sources.created_listing import CreatedListing, Trail
from loader.stripe_api.client import StripeAccess, StripeClient
from loader.stripe_api.pacing import Pacing
from tests.small_stripe import SmallStripe

START, END = 1_600_000_000, 1_700_000_000


class Listed:
    """What a listing kept and marked."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.marked: list[Stretch] = []

    async def keep(self, page: Sequence[dict[str, Any]]) -> None:
        self.ids += [row["id"] for row in page]

    async def mark(self, stretch: Stretch) -> None:
        self.marked.append(stretch)


def stripe_with(times: Sequence[int]) -> SmallStripe:
    stripe = SmallStripe()
    for number, created in enumerate(times):
        stripe.add_transaction(f"txn_{number:06}", created, 1)
    return stripe


def list_all(stripe: SmallStripe, likely_start: int = START) -> Listed:
    listed = Listed()

    async def run(base: str) -> None:
        async with StripeClient(StripeAccess("sk_test_1", base), Pacing(0)) as client:
            listing = CreatedListing(client, None, listed.keep, listed.mark, likely_start)
            await listing.read(Stretch(None, None))

    with stripe.served() as base:
        asyncio.run(run(base))
    return listed


def assert_marks_cover_all_time(marked: list[Stretch]) -> None:
    ordered = sorted(marked, key=lambda stretch: stretch.low or 0)
    assert ordered[0].low is None
    assert ordered[-1].high is None
    for before, after in itertools.pairwise(ordered):
        assert before.high is not None
        assert after.low == before.high + 1


# Bursts within one second, long silence, and anything between.
moments = st.one_of(
    st.integers(START, END), st.sampled_from([START, START + 1, END]), st.integers(END - 60, END)
)


@settings(max_examples=25, deadline=None)
@given(times=st.lists(moments, max_size=300), likely_start=st.integers(START - 10**8, END))
@example(times=[END] * 120, likely_start=START)
@example(times=[END, *[START] * 120], likely_start=END)
def test_every_transaction_is_listed_once_whatever_the_times(
    times: list[int], likely_start: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(created_listing, "PAGE_SIZE", 4)
        patch.setattr(created_listing, "PAGES_IN_STRETCH", 3)
        patch.setattr(created_listing, "PAGES_BETWEEN_MARKS", 5)
        stripe = stripe_with(times)
        stripe.page_size = 4
        listed = list_all(stripe, likely_start)
    assert sorted(listed.ids) == [f"txn_{number:06}" for number in range(len(times))]
    assert_marks_cover_all_time(listed.marked)


def test_a_long_history_is_read_in_stretches_at_a_small_price() -> None:
    stripe = stripe_with(range(START, END, (END - START) // 20_000))
    listed = list_all(stripe)
    assert len(listed.marked) > 4
    assert len(listed.ids) == len(set(listed.ids)) == len(stripe.transactions["acct_platform"])
    assert len(stripe.asked) <= 1.05 * len(listed.ids) / 100


def test_uneven_times_cost_few_requests_in_vain() -> None:
    crowded = [END - n // 50 for n in range(6_000)]
    stripe = stripe_with([START, *crowded])
    list_all(stripe)
    assert len(stripe.asked) <= 60 + 20


def test_a_trail_goes_back_page_by_page_and_says_how_far_it_came() -> None:
    stripe = stripe_with([START + n for n in range(250)])
    listed = Listed()

    async def run(base: str) -> list[int | None]:
        async with StripeClient(StripeAccess("sk_test_1", base), Pacing(0)) as client:
            trail = Trail(client, None, listed.keep, Stretch(START + 20, None))
            bottoms: list[int | None] = []
            while not bottoms or bottoms[-1] is not None:
                await trail.follow()
                bottoms.append(trail.bottom)
            return bottoms

    with stripe.served() as base:
        assert asyncio.run(run(base)) == [START + 150, START + 50, None]
    assert len(listed.ids) == 230
