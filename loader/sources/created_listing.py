"""Lists an account's balance transactions by `created`, many stretches of time at once.

A cursor gives one page after another and no sooner. So the first page tells how dense the rows lie,
and what remains is cut into stretches of about twenty pages that are read at the same time; a
stretch that turns out denser is cut again. Each stretch that was read to its end is marked, so that
an interrupted sync goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from loader.histories import Stretch
from loader.stripe_api.client import StripeClient
from loader.stripe_api.paging import PAGE_SIZE, Pager

PATH = "/v1/balance_transactions"

# The last page of a stretch is half empty on average: 20 pages keep that below 3 %.
PAGES_IN_STRETCH = 20
STRETCHES_AT_ONCE = 16

# One page tells little about the whole; what is cut too fine costs a request for each part.
PARTS_AT_FIRST = 4
MIN_PARTS = 2

# A stretch that could not be cut is marked as read this often, and its ids forgotten.
PAGES_BETWEEN_MARKS = 50

Page = Sequence[dict[str, Any]]


class CreatedListing:
    """Reads stretches of one account's transactions."""

    def __init__(
        self,
        client: StripeClient,
        account_header: str | None,
        keep: Callable[[Page], Awaitable[None]],
        mark: Callable[[Stretch], Awaitable[None]],
        likely_start: int,
    ) -> None:
        """Take where rows go.

        Args:
            client: reads Stripe.
            account_header: the connected account to act for; none is the platform.
            keep: takes the rows of a page.
            mark: takes a stretch once all of its rows were kept.
            likely_start: about when the account's history begins (epoch seconds); a guess that is
                wrong costs requests, never rows.
        """
        self._client = client
        self._header = account_header
        self._keep = keep
        self._mark = mark
        self._likely_start = likely_start
        self._at_once = asyncio.Semaphore(STRETCHES_AT_ONCE)
        self._pages_read = 0
        self._parts_unread = 0
        self._parts_dense = 0
        self._parts_in_vain = 0

    async def read(self, *stretches: Stretch) -> None:
        """Read stretches to their end.

        Raises:
            ExceptionGroup: of `StripeReadError`, when one could not be read.
        """
        async with asyncio.TaskGroup() as tasks:
            for stretch in stretches:
                self._start(stretch, tasks)

    def _start(self, stretch: Stretch, tasks: asyncio.TaskGroup) -> None:
        self._parts_unread += 1
        tasks.create_task(self._read(stretch, tasks))

    async def _read(self, stretch: Stretch, tasks: asyncio.TaskGroup) -> None:
        async with self._at_once:
            density = Density()
            pager = Pager(self._client, PATH, stretch.query(), self._header)
            while True:
                page = await pager.next_page()
                await self._keep(page)
                self._count(pager, first=density.pages == 0)
                if not pager.has_more:
                    break
                density.add(page)
                stretch = self._cut(stretch, density, tasks)
                if density.pages % PAGES_BETWEEN_MARKS == 0 and density.bottom != stretch.high:
                    await self._mark(Stretch(density.bottom + 1, stretch.high))
                    stretch = Stretch(stretch.low, density.bottom)
                    pager.forget_ids()
                pager.params = stretch.query()
            await self._mark(stretch)

    def _count(self, pager: Pager, *, first: bool) -> None:
        self._pages_read += 1
        if first:
            self._parts_unread -= 1
            self._parts_dense += pager.has_more
            self._parts_in_vain += not pager.has_more

    def _cut(self, stretch: Stretch, density: Density, tasks: asyncio.TaskGroup) -> Stretch:
        """Give the older parts of a long stretch to other tasks; answer the part that is left."""
        start = self._likely_start if stretch.low is None else stretch.low
        seconds = density.bottom - start
        parts = min(density.pages_in(seconds) // PAGES_IN_STRETCH, self._parts_allowed)
        if parts < MIN_PARTS:
            return stretch
        cuts = [start + seconds * part // parts for part in range(1, parts)]
        lows = [stretch.low, *cuts[:-1]]
        for low, next_low in zip(lows, cuts, strict=True):
            self._start(Stretch(low, next_low - 1), tasks)
        return Stretch(cuts[-1], stretch.high)

    @property
    def _parts_allowed(self) -> int:
        """Answer into how many parts to cut: few at first, and few where rows lie unevenly."""
        in_vain_allowed = self._pages_read // PAGES_IN_STRETCH + PARTS_AT_FIRST
        if self._parts_in_vain >= in_vain_allowed:
            return 0
        unread_allowed = min(PARTS_AT_FIRST * self._parts_dense, STRETCHES_AT_ONCE)
        return unread_allowed - self._parts_unread


class Trail:
    """Follows the transactions of one account back in time, page by page."""

    def __init__(
        self,
        client: StripeClient,
        account_header: str | None,
        keep: Callable[[Page], Awaitable[None]],
        stretch: Stretch,
    ) -> None:
        self._client = client
        self._header = account_header
        self._keep = keep
        self.restart(stretch)

    def restart(self, stretch: Stretch) -> None:
        """Follow another stretch, from its end on."""
        self._pager = Pager(self._client, PATH, stretch.query(), self._header)
        self.density = Density()
        self.bottom: int | None = stretch.high

    async def follow(self) -> Page:
        """Keep and answer one more page.

        `bottom` is then the `created` down to which all was read, that second perhaps in part; none
        once the stretch was read to its end.
        """
        page = await self._pager.next_page()
        await self._keep(page)
        self.bottom = None
        if self._pager.has_more:
            self.density.add(page)
            self.bottom = self.density.bottom
        return page


class Density:
    """How many rows a stretch has shown over how much time."""

    def __init__(self) -> None:
        self.pages = 0
        self.bottom = 0
        self._top: int | None = None
        self._rows = 0

    def add(self, page: Page) -> None:
        """Count a page, newest first, that is not the last one."""
        self.pages += 1
        self._rows += len(page)
        times = [row["created"] for row in page]
        self.bottom = min(times)
        if self._top is None:
            self._top = max(times)

    def pages_in(self, seconds: int) -> int:
        """Answer how many pages to expect in so much time further back."""
        shown = max((self._top or 0) - self.bottom, 1)
        return self._rows * max(seconds, 0) // (shown * PAGE_SIZE)
