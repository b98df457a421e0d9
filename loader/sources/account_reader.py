"""Reads what is new of one account: payouts, their lists, balance, transactions by `created`.

The order matters. Payouts come first, because a list counts only if it was begun after Stripe
called it complete. An account that is read for the first time is then listed by `created` only as
far as no payout's list covers it and until all rows known add up to its balance: most rows are
fetched once. The balance is read before the rows, so what comes in between is the newest rows. What
the rows then name and nobody has read is a loose end, tied at the end of the sync.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from loader.histories import AccountHistory, Stretch
from loader.loose_ends import LooseEnds
from loader.sources.batch import Rows
from loader.sources.created_listing import CreatedListing, Trail
from loader.sources.known_rows import IDS_KEPT, KnownRows
from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    BALANCE_TRANSACTIONS,
    BALANCES,
    CREATED_STRETCHES,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    PAYOUTS,
    RawTable,
    Row,
    balance_rows,
    holds_other_balances,
    object_row,
)
from loader.stripe_api.client import StripeClient
from loader.stripe_api.errors import (
    NotFoundError,
    RequestRefusedError,
    UnexpectedAnswerError,
    gravest_of_group,
)
from loader.stripe_api.paging import PAGE_SIZE, pages

DAY = 86_400

# Payouts stay open to change. A page of them, as far back as 30 days, is read in every run; more
# only where one is still on its way or waits for its trace id. That a payout failed, however late,
# is told by the row that gives its money back.
PAYOUT_WINDOW_SECONDS = 30 * DAY
PAYOUT_OVERLAP_SECONDS = DAY

# Rows can appear late: `created` lies behind the moment at which the API first shows a row. With
# what is new, a day is read again; what the last page holds beyond costs nothing and is kept too.
TRANSACTION_OVERLAP_SECONDS = DAY
TRANSACTION_REACH_SECONDS = 30 * DAY

# Pages that are followed one by one before what remains is read in stretches at the same time.
PAGES_FOLLOWED = 30

# The last rows of a page that lists must cover before it is taken for the end of what they do not.
ROWS_COVERED = 25

# What lists cover is listed by `created` too, to compare the copies, where it adds only so much.
SHARE_FOR_COMPARISON = 0.03

# Where the balance does not prove the rows, the last days are listed again first, then all.
SEARCHED_FIRST_SECONDS = 7 * DAY
# A search that found nothing is not repeated at full length for a while.
SEARCH_AGAIN_AFTER_SECONDS = 7 * DAY

# Searches for one difference: lately, everywhere, and the record of having found nothing.
MOST_SEARCHES = 3

# Stripe opened to the public in September 2011.
FIRST_HISTORY = 1_314_835_200

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
    lists_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(50))
    long_lists_at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(12))
    """Lists of several pages are held in memory until they are whole."""


class AccountReader:
    """One account in one run: reads, hands rows over to be kept, and says what was covered."""

    def __init__(
        self,
        client: StripeClient,
        reading: Reading,
        account: Row,
        history: AccountHistory | None,
        keep: Keep,
    ) -> None:
        """Take what is known.

        Args:
            account: its row in the raw table `accounts`.
            history: what earlier runs read; none for an account read for the first time.
            keep: takes rows of a raw table; returns once they are in a batch.
        """
        self.account_id: str = account["account_id"]
        self._client = client
        self._reading = reading
        self._history = history or AccountHistory()
        self._keep_rows = keep
        self._header = None if account["is_platform_account"] else self.account_id
        self._goes_on = self._history.is_whole and not _starts_before(reading.start, self._history)
        self._earliest: int | None = account.get("created")
        self._listed: set[str] = set(self._history.listed_payouts)
        self._read_payout_ids: set[str] = set()
        self.lists_wanted: dict[str, int] = dict(self._history.unlisted_payouts)
        """Payouts whose lists are to be read, with their `created`."""
        self.floor: Counter[str] = Counter()
        """The fewest requests that give what was read, by endpoint."""
        self._not_itemised = dict(self._history.not_itemised)
        self._known: KnownRows | None = None
        if not self._goes_on and not reading.full:
            self._known = KnownRows()
            self._known.recall(self._history.listed_ids, self._history.listed_sums)
        self._payouts_through = self._history.payouts_through
        self._created_from = self._history.created_from
        self._created_through = self._history.created_through
        self._transactions_listed_at: int | None = None
        self._balance_read_at: int | None = None
        self._balance: dict[str, int] = {}
        self._has_other_balances = False
        self._unexplained = dict(self._history.unexplained)
        self._searched_at = self._history.searched_at
        self._searches = 0
        self._has_listed_all = False
        self._newest_itemised: int | None = None
        self._started_at = self._now()
        self._pages = self._rows = self._uncovered_rows = self._covered_rows = 0

    async def survey(self) -> None:
        """Read the payouts that are new or may have changed; what else there is to read follows.

        Raises:
            StripeReadError: the account could not be read to the end; what was read is kept.
        """
        through = self._history.payouts_through
        since = self._since(through, PAYOUT_WINDOW_SECONDS)
        enough = None
        if self._goes_on and through is not None:
            enough = (
                min(through, self._history.payouts_open_from or through) - PAYOUT_OVERLAP_SECONDS
            )
        async for page in self._pages_of("/v1/payouts", Stretch(since, None).query()):
            await self._keep_payouts(self._as_rows(page))
            self.floor["/v1/payouts"] += 1
            if enough is not None and page and page[-1]["created"] < enough:
                break
        if self._payouts_through is not None:
            await self._mark(Stretch(since, self._payouts_through), PAYOUTS)
        for payout_id in sorted(self._history.open_payouts - self._read_payout_ids):
            await self._read_payout(payout_id)
            self.floor["/v1/payouts/{id}"] += 1

    async def read(self) -> None:
        """Read everything else that is new, and the record of having read it.

        Raises:
            StripeReadError: the account could not be read to the end; what was read is kept.
        """
        with gravest_of_group():
            await self._read_lists()
            await self._read_balance()
            await self._read_transactions()
        await self._keep((ACCOUNT_SYNCS, [self.record("readable")]))
        self._forget()

    @property
    def was_read_before(self) -> bool:
        """Whether an earlier run read the account to the end."""
        return self._goes_on

    def record(self, status: str, error: str | None = None) -> Row:
        """Answer the row of `account_syncs` for this reading."""
        return {
            "account_id": self.account_id,
            "run_id": self._reading.run_id,
            "run_number": self._reading.run_number,
            "status": status,
            "error": error,
            "started_at": self._started_at,
            "finished_at": self._now(),
            "transactions_listed_at": self._transactions_listed_at,
            "balance_read_at": self._balance_read_at,
            "history_from": self._history_from,
            "created_from": self._created_from,
            "created_through": self._created_through,
            "payouts_through": self._payouts_through,
            "unexplained": json.dumps(self._unexplained) if self._unexplained else None,
            "searched_at": self._searched_at,
            "pages": self._pages,
            "rows": self._rows,
        }

    async def tie_loose_ends(self, ends: LooseEnds) -> None:
        """Look up what stored rows name and what is not stored as they name it.

        Raises:
            StripeReadError: the account could not be read to the end.
        """
        with gravest_of_group():
            self._listed |= ends.listed_payouts
            for payout_id in sorted(ends.payouts):
                await self._read_payout(payout_id)
            await self._read_lists()
            looked_up_at = self._now()
            for stretch in _days(ends.unconfirmed_created):
                await self._list(stretch)
            for transaction_id in sorted(ends.rows_before_window):
                row = await self._retrieve("/v1/balance_transactions", transaction_id)
                if row is not None:
                    await self._keep((BALANCE_TRANSACTIONS, [row]))
            if ends.unproven:
                await self._search(ends.unproven)
        # What the lists read just now name is looked up in the next round, until there is none.
        self._transactions_listed_at = looked_up_at
        await self._keep((ACCOUNT_SYNCS, [self.record("readable")]))

    # Payouts and their lists

    async def _read_payout(self, payout_id: str) -> None:
        row = await self._retrieve("/v1/payouts", payout_id)
        if row is not None:
            await self._keep_payouts([row])

    async def _keep_payouts(self, rows: list[Row]) -> None:
        """Keep payouts; the lists of those that Stripe calls complete are to be read."""
        await self._keep((PAYOUTS, rows))
        for row in rows:
            created = row["created"]
            self._read_payout_ids.add(row["id"])
            self._payouts_through = max(created, self._payouts_through or created)
            self._earliest = min(created - 60 * DAY, self._earliest or created)
            if row.get("reconciliation_status") != "completed":
                self._not_itemised[row["id"]] = (created, row.get("balance_transaction"))
                continue
            self._newest_itemised = max(created, self._newest_itemised or created)
            if row["id"] not in self._listed:
                self.lists_wanted[row["id"]] = created

    async def _read_lists(self) -> None:
        """Read the lists that are wanted, newest payout first."""
        wanted, self.lists_wanted = self.lists_wanted, {}
        at_once = self._reading.lists_at_once
        async with asyncio.TaskGroup() as tasks:
            for payout_id, created in wanted.items():
                await at_once.acquire()
                task = tasks.create_task(self._read_list(payout_id, created))
                task.add_done_callback(lambda _: at_once.release())

    async def _read_list(self, payout_id: str, created: int) -> None:
        """Read one payout's list; its rows are kept only if it was read to its proven end."""
        listed_at = self._now()
        rows, seen = Rows(PAYOUT_TRANSACTIONS), list[Row]()
        error = None
        try:
            async for page in self._list_pages(payout_id):
                listed = [object_row(self.account_id, item, payout_id) for item in page]
                PAYOUT_TRANSACTIONS.check(listed)
                rows.add(listed)
                seen += [_essence(row) for row in listed] if self._known else []
        except (UnexpectedAnswerError, RequestRefusedError, NotFoundError) as refusal:
            error = str(refusal)
        listing = {
            "account_id": self.account_id,
            "id": payout_id,
            "listed_at": listed_at,
            "reconciliation_status_seen": "completed",
            "is_whole": error is None,
            "row_count": len(rows),
            "error": error,
        }
        if error is not None:
            rows = Rows(PAYOUT_TRANSACTIONS)
            self._not_itemised[payout_id] = (created, None)
        elif not len(rows):
            rows.add([self._cleared(payout_id)])
        self._listed.add(payout_id)
        self._know_listed(seen if error is None else [])
        self.floor["/v1/balance_transactions"] += _pages_for(len(rows))
        await self._keep((PAYOUT_LISTINGS, [listing]), (PAYOUT_TRANSACTIONS, rows))

    async def _list_pages(self, payout_id: str) -> AsyncIterator[list[dict[str, Any]]]:
        """Yield the pages of a payout's list; only so many long ones are held at once."""
        found = self._pages_of("/v1/balance_transactions", {"payout": payout_id})
        async for page in found:
            yield page
            if len(page) < PAGE_SIZE:
                continue
            async with self._reading.long_lists_at_once:
                async for later_page in found:
                    yield later_page

    def _know_listed(self, rows: list[Row]) -> None:
        if self._known and len(rows) > IDS_KEPT:
            self._known = None  # too long to compare with: everything is listed by `created`
        elif self._known:
            self._known.add_listed(rows)

    def _cleared(self, payout_id: str) -> Row:
        return {"account_id": self.account_id, "payout_id": payout_id, "id": "", "is_cleared": True}

    # Balance

    async def _read_balance(self) -> None:
        balance = await self._client.get("/v1/balance", account_id=self._header)
        read_at = self._now()
        rows = balance_rows(self.account_id, balance, read_at)
        await self._keep((BALANCES, rows))
        self._balance_read_at = read_at
        self.floor["/v1/balance"] = 1
        self._balance = {r["currency"]: r["available"] + r["pending"] for r in rows}
        self._has_other_balances = holds_other_balances(balance)

    # Transactions by `created`

    async def _read_transactions(self) -> None:
        self._transactions_listed_at = self._now()
        known = self._known
        if self._goes_on:
            await self._read_new_transactions()
        elif known and known.has_listed and not self._has_other_balances and self._spares:
            known.balance_was_read(self._balance_read_at or 0)
            await self._read_uncovered_transactions(known)
        else:
            await self._list_all(*self._history.stretches_read)
        self.floor["/v1/balance_transactions"] += _pages_for(self._uncovered_rows)

    @property
    def _spares(self) -> bool:
        # From a start date on, rows can't add up to a balance that holds what came before it.
        return self._reading.start is None and not self._history.stretches_read

    async def _read_new_transactions(self) -> None:
        """List from what was read before, less an overlap, to now.

        Where the newest transaction is the one that was the newest before, a page is enough:
        whether one appeared late further back, the balance will tell.
        """
        through = self._history.created_through
        if through is None:
            await self._list_all()
            return
        since = self._since(through, TRANSACTION_REACH_SECONDS)
        enough = through - TRANSACTION_OVERLAP_SECONDS
        newest = self._trail(None, since)
        page = await newest.follow()
        is_new = max((row["created"] for row in page), default=through) > through
        if is_new and newest.bottom is not None and newest.bottom >= enough:
            await self._list(Stretch(enough, newest.bottom))

    async def _read_uncovered_transactions(self, known: KnownRows) -> None:
        """List what no payout's list covers, until all rows add up to the balance."""
        newest = self._trail(None)
        await self._follow_to_covered(newest, known)
        oldest_seen = newest.bottom
        for created in self._uncovered_payouts(known):
            if oldest_seen is not None and created < oldest_seen:
                older = self._trail(created)
                await self._follow_to_covered(older, known)
                oldest_seen = older.bottom
        for _ in range(PAGES_FOLLOWED):
            if newest.bottom is None or known.prove(self._balance):
                break
            await newest.follow()
        is_proven = known.prove(self._balance)
        if newest.bottom is not None and (not is_proven or self._may_compare_all(known)):
            await self._list_rest(newest)
        self._created_from = None if newest.bottom is None else newest.bottom + 1

    def _may_compare_all(self, known: KnownRows) -> bool:
        """Tell whether listing by `created` what lists cover too costs next to nothing."""
        pages_left = _pages_for(known.listed_count - self._covered_rows)
        return pages_left <= self._pages * SHARE_FOR_COMPARISON

    async def _follow_to_covered(self, trail: Trail, known: KnownRows) -> None:
        """Follow a trail until it comes to what payouts' lists cover."""
        for _ in range(PAGES_FOLLOWED):
            page = await trail.follow()
            if trail.bottom is None or known.covers(page[-ROWS_COVERED:]):
                return
            await self._skip_to_newest_itemised(trail)
        await self._list_rest(trail)

    async def _skip_to_newest_itemised(self, trail: Trail) -> None:
        """Read at once what is newer than any payout's list could hold, where that is a lot."""
        itemised, bottom = self._newest_itemised, trail.bottom
        if itemised is None or bottom is None or bottom <= itemised:
            return
        if trail.density.pages_in(bottom - itemised) >= PAGES_FOLLOWED:
            await self._list(Stretch(itemised, bottom))
            trail.restart(Stretch(None, itemised - 1))

    async def _list_rest(self, trail: Trail) -> None:
        await self._list(Stretch(None, trail.bottom))
        trail.bottom = None

    def _uncovered_payouts(self, known: KnownRows) -> list[int]:
        """Answer when payouts were made that no list itemises, newest first.

        A manual payout that a later automatic one swept is in that one's list, with all it paid.
        """
        return sorted(
            (
                created
                for created, own_row in self._not_itemised.values()
                if not known.knows(own_row)
            ),
            reverse=True,
        )

    async def _list_all(self, *already_read: Stretch) -> None:
        """List the whole history, less stretches that an interrupted run read to their end."""
        await self._list(*_gaps(self._history_from, already_read))
        self._created_from = self._history_from
        self._has_listed_all = True

    async def _list(self, *stretches: Stretch) -> None:
        likely_start = max(self._earliest or FIRST_HISTORY, FIRST_HISTORY)
        listing = CreatedListing(
            self._client, self._header, self._keep_created, self._mark, likely_start
        )
        await listing.read(*stretches)

    def _trail(self, top: int | None, low: int | None = None) -> Trail:
        return Trail(self._client, self._header, self._keep_created, Stretch(low, top))

    async def _keep_created(self, page: Sequence[dict[str, Any]]) -> None:
        rows = self._as_rows(page)
        self._pages += 1
        await self._keep((BALANCE_TRANSACTIONS, rows))
        if rows:
            newest = max(row["created"] for row in rows)
            self._created_through = max(newest, self._created_through or 0)
        if self._known:
            uncovered = sum(not self._known.covers([row]) for row in rows)
            self._uncovered_rows += uncovered
            self._covered_rows += len(rows) - uncovered
            self._known.add_created(rows)
        else:
            self._uncovered_rows += len(rows)

    async def _mark(self, stretch: Stretch, of: RawTable = BALANCE_TRANSACTIONS) -> None:
        """Note that a stretch was read to its end, for a run that has to go on from here."""
        if self._goes_on:
            return
        row = {
            "account_id": self.account_id,
            "id": f"{of.name} {stretch.low}-{stretch.high}",
            "run_id": self._reading.run_id,
            "raw_table": of.name,
            "created_from": stretch.low,
            "created_through": stretch.high,
        }
        await self._keep((CREATED_STRETCHES, [row]))

    async def _search(self, differences: Mapping[str, int]) -> None:
        """Look for what makes the rows differ from the balance: lately first, then everywhere.

        A difference that stays when all was listed is recorded, and looked for again only when it
        changes, and not everywhere again for a while.
        """
        self._searches += 1
        if self._searches == 1:
            await self._read_balance()
            await self._list_latest()
        elif not self._has_listed_all:
            await self._read_balance()
            await self._list_all()
        else:
            # From a start date on, the first difference is what the account began with.
            is_baseline = self._history_from is not None and not self._history.unexplained
            self._searched_at = self._searched_at if is_baseline else self._now()
            self._unexplained = dict(differences)

    @property
    def can_search(self) -> bool:
        """Whether a difference between rows and balance is still to be looked into."""
        if self._searches == 0:
            return True
        recently = self._now() - SEARCH_AGAIN_AFTER_SECONDS
        was_in_vain = self._searched_at is not None and self._searched_at > recently
        return self._searches < MOST_SEARCHES and (self._has_listed_all or not was_in_vain)

    async def _list_latest(self) -> None:
        """List what came since everything was listed in this run, else the last days."""
        if self._has_listed_all:
            await self._trail(None, self._history_from).follow()
        else:
            lately = self._now() - SEARCHED_FIRST_SECONDS
            await self._list(Stretch(max(lately, self._history_from or 0), None))

    # Single objects, pages and rows

    async def _retrieve(self, path: str, object_id: str) -> Row | None:
        try:
            found = await self._client.get(
                f"{path}/{quote(object_id, safe='')}", account_id=self._header
            )
        except NotFoundError:
            return None  # its absence shows in the models, where it is an exception
        return object_row(self.account_id, found)

    async def _pages_of(
        self, path: str, params: dict[str, Any]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        async for page in pages(self._client, path, params, self._header):
            self._pages += 1
            yield page

    def _as_rows(self, page: Sequence[dict[str, Any]]) -> list[Row]:
        return [object_row(self.account_id, item) for item in page]

    async def _keep(self, *parts: tuple[RawTable, Sequence[Row] | Rows]) -> None:
        """Check rows and hand them over; those of several tables go into the same batch."""
        for table, rows in parts:
            if not isinstance(rows, Rows):
                table.check(rows)
            self._rows += len(rows)
        await self._keep_rows(*parts)

    def _forget(self) -> None:
        """Let go of what only the reading needed: thousands of accounts are read in one run."""
        self._known = None
        self._read_payout_ids.clear()
        self._not_itemised.clear()
        self._listed.clear()

    # What was read before, and when it is now

    @property
    def _history_from(self) -> int | None:
        """Start of the history that is wholly read once this reading is done."""
        return self._history.history_from if self._goes_on else self._reading.start

    def _since(self, through: int | None, overlap: int) -> int | None:
        """Answer the `created` from which to list: what was read before, less an overlap.

        A start that was moved later leaves no gap: reading goes on where it ended.
        """
        if through is None or _starts_before(self._reading.start, self._history):
            return self._history_from
        return max(through - overlap, self._history_from or 0)

    def _now(self) -> int:
        """Answer the time by Stripe's clock, as far as it is known."""
        return int(time.time() + (self._client.clock_offset or 0))


def _pages_for(rows: int) -> int:
    """Answer how many requests it takes to list so many rows."""
    return max(1, -(-rows // PAGE_SIZE))


def _starts_before(start: int | None, history: AccountHistory) -> bool:
    """Tell whether the history now asked for begins before the one that was read."""
    if history.history_from is None:
        return False
    return start is None or start < history.history_from


def _essence(row: Row) -> Row:
    """Answer what is compared and added up of a row."""
    return {name: row.get(name) for name in ("id", "created", "currency", "net", "balance_type")}


def _gaps(low: int | None, stretches: Iterable[Stretch]) -> list[Stretch]:
    """Answer what remains of all time from `low` on, less stretches that were read."""
    gaps: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda s: (s.low is not None, s.low or 0)):
        if stretch.low is not None and (low is None or low < stretch.low):
            gaps.append(Stretch(low, stretch.low - 1))
        if stretch.high is not None:
            low = max(low or 0, stretch.high + 1)
    return [*gaps, Stretch(low, None)]


def _days(instants: Iterable[int]) -> Iterator[Stretch]:
    """Answer the first and last instant of each UTC day among some instants."""
    by_day: dict[int, list[int]] = {}
    for instant in instants:
        by_day.setdefault(instant // DAY, []).append(instant)
    for _, day in sorted(by_day.items()):
        yield Stretch(min(day), max(day))
