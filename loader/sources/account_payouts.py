"""Reads what is new of one account's payouts, and the lists of those that Stripe calls complete.

Payouts come first, because a list counts only if it was begun after Stripe called it complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from loader.histories import AccountHistory, Stretch
from loader.sources.account_access import DAY, AccountAccess, pages_for
from loader.sources.account_window import AccountWindow
from loader.sources.batch import Rows
from loader.sources.known_rows import KnownRows
from loader.sources.stripe_tables import (
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    PAYOUTS,
    Row,
    object_row,
)
from loader.sources.wanted_lists import WantedLists
from loader.stripe_api.errors import NotFoundError, RequestRefusedError, UnexpectedAnswerError
from loader.stripe_api.paging import PAGE_SIZE

# Payouts stay open to change. A page of them, as far back as 30 days, is read in every run; more
# only where one is still on its way or waits for its trace id. That a payout failed, however late,
# is told by the row that gives its money back.
PAYOUT_WINDOW_SECONDS = 30 * DAY
PAYOUT_OVERLAP_SECONDS = DAY

# A payout holds rows of about so long before it: where an account's history may begin.
ROWS_BEFORE_PAYOUT_SECONDS = 60 * DAY


class AccountPayouts:
    """The payouts of one account and their lists."""

    def __init__(
        self,
        access: AccountAccess,
        window: AccountWindow,
        history: AccountHistory,
        known: KnownRows,
        account_created: int | None,
    ) -> None:
        """Take what earlier runs read, and what is to learn the rows of lists."""
        self._access = access
        self._window = window
        self._history = history
        self._known = known
        scope = access.reading.scope
        anew = access.payouts_named if scope is not None and scope.lists_anew else frozenset()
        self._listed: set[str] = set(history.listed_payouts - anew)
        self._listed_now: set[str] = set()
        self.lists_wanted = WantedLists()
        """Payouts whose lists are to be read."""
        for payout_id, created in history.unlisted_payouts.items():
            self.lists_wanted.add(payout_id, created)
        self.not_itemised: dict[str, tuple[int, str | None]] = dict(history.not_itemised)
        """Payouts that no list itemises, with `created` and their own row's id."""
        self.newest_itemised: int | None = None
        self.through = history.payouts_through
        """`created` of the newest payout that was read."""
        self.earliest = account_created
        """About when the account's history begins."""

    async def survey(self) -> None:
        """Read the payouts that are new or may have changed; what else there is to read follows."""
        through = self._history.payouts_through
        since = self._window.since(through, PAYOUT_WINDOW_SECONDS)
        enough = None
        if self._window.goes_on and through is not None:
            open_from = self._history.payouts_open_from or through
            enough = min(through, open_from) - PAYOUT_OVERLAP_SECONDS
        to_read = set(self._history.open_payouts | self._access.payouts_named)
        async for page in self._access.pages_of("/v1/payouts", Stretch(since, None).query()):
            await self._keep(self._access.as_rows(page))
            to_read.difference_update(payout["id"] for payout in page)
            self._access.floor["/v1/payouts"] += 1
            if enough is not None and page and page[-1]["created"] < enough:
                break
        if not self._window.goes_on:
            await self._access.mark(Stretch(since, self.through), PAYOUTS)
        for payout_id in sorted(to_read):
            await self.read(payout_id)
            self._access.floor["/v1/payouts/{id}"] += 1

    async def read(self, payout_id: str) -> None:
        """Read one payout anew."""
        row = await self._access.retrieve("/v1/payouts", payout_id)
        if row is not None:
            await self._keep([row])

    async def read_lists(self) -> None:
        """Read the lists that are wanted, newest payout first."""
        at_once = self._access.reading.lists_at_once
        async with asyncio.TaskGroup() as tasks:
            for payout_id, created in self.lists_wanted.taken():
                await at_once.acquire()
                task = tasks.create_task(self._read_list(payout_id, created))
                task.add_done_callback(lambda _: at_once.release())

    def has_listed(self, payout_ids: frozenset[str]) -> None:
        """Note payouts whose lists are stored whole: they are not wanted again."""
        self._listed |= payout_ids

    def forget(self) -> None:
        """Let go of what only the reading needed."""
        # Of an account read before, few: what is loose at the end need not list them once more.
        self._listed = self._listed_now if self._window.goes_on else set()
        self.not_itemised.clear()

    async def _keep(self, rows: list[Row]) -> None:
        """Keep payouts; the lists of those that Stripe calls complete are to be read."""
        await self._access.keep((PAYOUTS, rows))
        for row in rows:
            created = row["created"]
            self.through = max(created, self.through or created)
            self.earliest = min(created - ROWS_BEFORE_PAYOUT_SECONDS, self.earliest or created)
            if row.get("reconciliation_status") != "completed":
                self.not_itemised[row["id"]] = (created, row.get("balance_transaction"))
                continue
            self.newest_itemised = max(created, self.newest_itemised or created)
            if row["id"] not in self._listed and row["id"] not in self._history.unlisted_payouts:
                self.lists_wanted.add(row["id"], created)

    async def _read_list(self, payout_id: str, created: int) -> None:
        """Read one payout's list; its rows are kept only if it was read to its proven end."""
        listed_at = self._access.now()
        rows, seen = Rows(PAYOUT_TRANSACTIONS), list[Row]()
        error = None
        try:
            async for page in self._list_pages(payout_id):
                listed = [object_row(self._access.account_id, item, payout_id) for item in page]
                PAYOUT_TRANSACTIONS.check(listed)
                rows.add(listed)
                seen += [_essence(row) for row in listed] if self._known.is_of_use else []
        except (UnexpectedAnswerError, RequestRefusedError, NotFoundError) as refusal:
            error = str(refusal)
        listing = {
            "account_id": self._access.account_id,
            "id": payout_id,
            "listed_at": listed_at,
            "reconciliation_status_seen": "completed",
            "is_whole": error is None,
            "row_count": len(rows),
            "error": error,
        }
        if error is not None:
            rows = Rows(PAYOUT_TRANSACTIONS)
            self.not_itemised[payout_id] = (created, None)
        elif not len(rows):
            rows.add([self._cleared(payout_id)])
        self._listed.add(payout_id)
        self._listed_now.add(payout_id)
        if error is None:
            self._known.add_listed(seen)
        self._access.floor["/v1/balance_transactions"] += pages_for(len(rows))
        await self._access.keep((PAYOUT_LISTINGS, [listing]), (PAYOUT_TRANSACTIONS, rows))

    async def _list_pages(self, payout_id: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the pages of a payout's list; only so many long ones are held at once."""
        found = self._access.pages_of("/v1/balance_transactions", {"payout": payout_id})
        async for page in found:
            yield page
            if len(page) < PAGE_SIZE:
                continue
            async with self._access.reading.long_lists_at_once:
                async for later_page in found:
                    yield later_page

    def _cleared(self, payout_id: str) -> Row:
        return {
            "account_id": self._access.account_id,
            "payout_id": payout_id,
            "id": "",
            "is_cleared": True,
        }


def _essence(row: Row) -> Row:
    """Answer what is compared and added up of a row."""
    return {
        "id": row["id"],
        "created": row["created"],
        "currency": row["currency"],
        "net": row["net"],
        "balance_type": row.get("balance_type"),
    }
