"""One account at Stripe, as its readers see it: asked for objects, which go on as checked rows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from loader.histories import Stretch
from loader.sources.batch import Rows
from loader.sources.scope import PLATFORM, Scope
from loader.sources.stripe_tables import CREATED_STRETCHES, RawTable, Row, object_row
from loader.stripe_api.client import StripeClient, odd_answers_again
from loader.stripe_api.errors import NotFoundError, UnexpectedAnswerError
from loader.stripe_api.paging import PAGE_SIZE, pages

DAY = 86_400

# Takes rows of raw tables that belong together; returns once they are in one batch.
Keep = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Reading:
    """What a run reads of every account, and what its readers share."""

    run_id: str
    run_number: int
    """Counts the runs of a warehouse: a clock may go back, this does not."""
    start: int | None = None
    """`TIEOUT_START_DATE` in epoch seconds; none is all history."""
    full: bool = False
    """Read everything, also what a payout's list covers."""
    scope: Scope | None = None
    """Read a part of the platform alone; none is the whole."""
    lists_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(50))
    long_lists_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(12))
    """Lists of several pages are held in memory until they are whole."""


class AccountAccess:
    """Asks Stripe for what belongs to one account and counts what came of it."""

    def __init__(self, client: StripeClient, reading: Reading, account: Row, keep: Keep) -> None:
        """Take what is known.

        Args:
            account: its row in the raw table `accounts`.
            keep: takes rows of raw tables that belong together.
        """
        self.account_id: str = account["account_id"]
        self.client = client
        self.reading = reading
        self.header = None if account["is_platform_account"] else self.account_id
        """The connected account to act for; none is the platform."""
        self.floor: Counter[str] = Counter()
        """The fewest requests that give what was read, by endpoint."""
        self.pages = 0
        self.rows = 0
        self._keep = keep

    @property
    def payouts_named(self) -> frozenset[str]:
        """Payouts that the scope names, to be read anew."""
        scope = self.reading.scope
        if scope is None:
            return frozenset()
        of_platform = scope.payouts.get(PLATFORM, frozenset()) if self.header is None else ()
        return scope.payouts.get(self.account_id, frozenset()).union(of_platform)

    async def retrieve(self, path: str, object_id: str) -> Row | None:
        """Answer one object as a row; none if Stripe does not know it.

        Its absence shows in the models, where it is an exception.
        """
        try:
            return object_row(self.account_id, await self._ask_for(path, object_id))
        except NotFoundError:
            return None

    @odd_answers_again
    async def _ask_for(self, path: str, object_id: str) -> dict[str, Any]:
        found = await self.client.get(f"{path}/{quote(object_id, safe='')}", account_id=self.header)
        if found.get("id") != object_id:
            raise UnexpectedAnswerError(
                f"{path}/{object_id} of account {self.account_id} answered something else than "
                "what it names. Check STRIPE_API_BASE; run again.",
                account_id=self.account_id,
                code="not_the_object",
            )
        return found

    async def pages_of(
        self, path: str, params: dict[str, Any]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the pages of a listing."""
        async for page in pages(self.client, path, params, self.header):
            self.pages += 1
            yield page

    def as_rows(self, page: Sequence[dict[str, Any]]) -> list[Row]:
        """Answer Stripe's objects as rows of this account."""
        return [object_row(self.account_id, item) for item in page]

    async def keep(self, *parts: tuple[RawTable, Sequence[Row] | Rows]) -> None:
        """Check rows and hand them over; those of several tables go into the same batch.

        Raises:
            UnexpectedAnswerError: a row is not as Stripe documents it.
        """
        for table, rows in parts:
            if not isinstance(rows, Rows):
                table.check(rows)
            self.rows += len(rows)
        await self._keep(*parts)

    async def mark(self, stretch: Stretch, of: RawTable) -> None:
        """Note that a stretch was read to its end, for a run that has to go on from here."""
        row = {
            "account_id": self.account_id,
            "id": f"{of.name} {stretch.low}-{stretch.high}",
            "run_id": self.reading.run_id,
            "raw_table": of.name,
            "created_from": stretch.low,
            "created_through": stretch.high,
        }
        await self.keep((CREATED_STRETCHES, [row]))

    def now(self) -> int:
        """Answer the time by Stripe's clock, as far as it is known (epoch seconds)."""
        return int(self.client.clock.now())


def pages_for(rows: int) -> int:
    """Answer how many requests it takes to list so many rows."""
    return max(1, -(-rows // PAGE_SIZE))
