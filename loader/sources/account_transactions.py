"""Lists by `created` what is to be listed of one account's balance transactions.

An account that is read for the first time is listed only as far as no payout's list covers it and
until all rows known add up to its balance: most rows are fetched once. The balance is read before
the rows, so what comes in between is the newest rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from loader.histories import AccountHistory, Stretch
from loader.sources.account_access import DAY, AccountAccess, pages_for
from loader.sources.account_payouts import AccountPayouts
from loader.sources.account_window import AccountWindow
from loader.sources.created_listing import CreatedListing, Trail
from loader.sources.known_rows import KnownRows
from loader.sources.stripe_tables import (
    BALANCE_TRANSACTIONS,
    BALANCES,
    Row,
    balance_rows,
    holds_other_balances,
)
from loader.stripe_api.client import TimedAnswer, odd_answers_again

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

# A row is of a balance's moment up to two seconds before its answer came (`loader.loose_ends`).
# Both times are whole seconds, the clocks agree to within half of one: so long may an answer take.
MOMENT_SECONDS = 1.5

# Stripe opened to the public in September 2011.
FIRST_HISTORY = 1_314_835_200


class AccountTransactions:
    """The ledger of one account: its balance and its transactions by `created`."""

    def __init__(
        self,
        access: AccountAccess,
        window: AccountWindow,
        history: AccountHistory,
        payouts: AccountPayouts,
        known: KnownRows,
    ) -> None:
        """Take what earlier runs read, and what payouts and their lists tell."""
        self._access = access
        self._window = window
        self._history = history
        self._payouts = payouts
        self._known = known
        self._balance: dict[str, int] = {}
        self._has_other_balances = False
        self._uncovered_rows = self._covered_rows = 0
        self.balance_read_at: int | None = None
        """When Stripe answered what the account holds (epoch seconds by Stripe's clock)."""
        self.is_balances_moment_known = False
        """Whether the answer came so soon that its moment is known as well as rows' are."""
        self.listed_at: int | None = None
        """When the listing began that tells what there is."""
        self.created_from = history.created_from
        """Start of the stretch, up to now, that was wholly listed; none is all history."""
        self.created_through = history.created_through
        """The newest transaction that was listed."""
        self.has_listed_all = False

    async def read_balance(self) -> None:
        """Read and keep what Stripe says the account holds."""
        answer, read_at, rows = await self._ask_balance()
        await self._access.keep((BALANCES, rows))
        self.balance_read_at = read_at
        seconds = answer.received_at - answer.sent_at
        self.is_balances_moment_known = seconds <= MOMENT_SECONDS
        self._access.floor["/v1/balance"] = 1
        self._balance = {r["currency"]: r["available"] + r["pending"] for r in rows}
        self._has_other_balances = holds_other_balances(answer.content)

    @odd_answers_again
    async def _ask_balance(self) -> tuple[TimedAnswer, int, list[Row]]:
        access = self._access
        answer = await access.client.get_timed("/v1/balance", account_id=access.header)
        read_at = int(access.client.clock.at(answer.received_at))
        return answer, read_at, balance_rows(access.account_id, answer.content, read_at)

    async def read(self) -> None:
        """List what is new since the last run, or what no payout's list covers, or everything."""
        self.listed_at = self._access.now()
        if self._window.goes_on:
            await self._read_new()
        elif self._may_spare:
            self._known.balance_was_read(self.balance_read_at or 0)
            await self._read_uncovered()
        else:
            await self.list_all(*self._stretches_to_skip)
        self._access.floor["/v1/balance_transactions"] += pages_for(self._uncovered_rows)

    async def list_all(self, *already_read: Stretch) -> None:
        """List the whole history, less stretches that an interrupted run read to their end."""
        await self.list_stretches(*_gaps(self._window.history_from, already_read))
        self.created_from = self._window.history_from
        # A row may have come late into what was read then: a difference is looked for there too.
        self.has_listed_all = not already_read

    async def list_since(self, since: int) -> None:
        """List what was created since; after everything was listed in this run, the newest page."""
        if self.has_listed_all:
            await self._trail(None, self._window.history_from).follow()
        else:
            low = max(since, self._window.history_from or 0)
            await self.list_stretches(Stretch(low, None))

    async def list_days_of(self, instants: Iterable[int]) -> None:
        """List again the days in which rows are said to lie."""
        listed_at = self._access.now()
        for stretch in _days(instants):
            await self.list_stretches(stretch)
        self.listed_at = listed_at

    async def list_stretches(self, *stretches: Stretch) -> None:
        """List stretches of time, as many at once as they allow."""
        likely_start = max(self._payouts.earliest or FIRST_HISTORY, FIRST_HISTORY)
        listing = CreatedListing(
            self._access.client, self._access.header, self._keep, self._mark, likely_start
        )
        await listing.read(*stretches)

    async def list_newest(self) -> None:
        """List what came in since the newest transaction that was listed."""
        await self.list_stretches(Stretch(self.created_through or self._window.history_from, None))

    @property
    def balance(self) -> Mapping[str, int]:
        """What Stripe last said the account holds, by currency."""
        return self._balance

    @property
    def _stretches_to_skip(self) -> Sequence[Stretch]:
        # From a start date on, no balance would tell of a row that came late into one of them: it
        # would be taken for what the account held before.
        return self._history.stretches_read if self._window.history_from is None else ()

    @property
    def _may_spare(self) -> bool:
        # From a start date on, rows can't add up to a balance that holds what came before it.
        return (
            self._known.has_listed
            and not self._has_other_balances
            and self._access.reading.start is None
            and not self._history.stretches_read
        )

    # What is new

    async def _read_new(self) -> None:
        """List from what was read before, less an overlap, to now.

        Where the newest transaction is the one that was the newest before, a page is enough:
        whether one appeared late further back, the balance will tell.
        """
        through = self._history.created_through
        if through is None:
            await self.list_all()
            return
        since = self._window.since(through, TRANSACTION_REACH_SECONDS)
        enough = through - TRANSACTION_OVERLAP_SECONDS
        newest = self._trail(None, since)
        page = await newest.follow()
        is_new = max((row["created"] for row in page), default=through) > through
        if is_new and newest.bottom is not None and newest.bottom >= enough:
            await self.list_stretches(Stretch(enough, newest.bottom))

    # What no payout's list covers

    async def _read_uncovered(self) -> None:
        """List what no payout's list covers, until all rows add up to the balance."""
        newest = self._trail(None)
        await self._follow_to_covered(newest)
        oldest_seen = newest.bottom
        for created in self._uncovered_payouts():
            if oldest_seen is not None and created < oldest_seen:
                older = self._trail(created)
                await self._follow_to_covered(older)
                oldest_seen = older.bottom
        for _ in range(PAGES_FOLLOWED):
            if newest.bottom is None or self._known.prove(self._balance):
                break
            await newest.follow()
        is_proven = self._known.prove(self._balance)
        if newest.bottom is not None and (not is_proven or self._may_compare_all):
            await self._list_rest(newest)
        self.created_from = None if newest.bottom is None else newest.bottom + 1

    @property
    def _may_compare_all(self) -> bool:
        """Whether listing by `created` what lists cover too costs next to nothing."""
        pages_left = pages_for(self._known.listed_count - self._covered_rows)
        return pages_left <= self._access.pages * SHARE_FOR_COMPARISON

    async def _follow_to_covered(self, trail: Trail) -> None:
        """Follow a trail until it comes to what payouts' lists cover."""
        for _ in range(PAGES_FOLLOWED):
            page = await trail.follow()
            if trail.bottom is None or self._known.covers(page[-ROWS_COVERED:]):
                return
            await self._skip_to_newest_itemised(trail)
        await self._list_rest(trail)

    async def _skip_to_newest_itemised(self, trail: Trail) -> None:
        """Read at once what is newer than any payout's list could hold, where that is a lot."""
        itemised, bottom = self._payouts.newest_itemised, trail.bottom
        if itemised is None or bottom is None or bottom <= itemised:
            return
        if trail.density.pages_in(bottom - itemised) >= PAGES_FOLLOWED:
            await self.list_stretches(Stretch(itemised, bottom))
            trail.restart(Stretch(None, itemised - 1))

    async def _list_rest(self, trail: Trail) -> None:
        await self.list_stretches(Stretch(None, trail.bottom))
        trail.bottom = None

    def _uncovered_payouts(self) -> list[int]:
        """Answer when payouts were made that no list itemises, newest first.

        A manual payout that a later automatic one swept is in that one's list, with all it paid.
        """
        return sorted(
            (
                created
                for created, own_row in self._payouts.not_itemised.values()
                if not self._known.knows(own_row)
            ),
            reverse=True,
        )

    def _trail(self, top: int | None, low: int | None = None) -> Trail:
        return Trail(self._access.client, self._access.header, self._keep, Stretch(low, top))

    async def _keep(self, page: Sequence[dict[str, Any]]) -> None:
        rows = self._access.as_rows(page)
        self._access.pages += 1
        await self._access.keep((BALANCE_TRANSACTIONS, rows))
        if rows:
            newest = max(row["created"] for row in rows)
            self.created_through = max(newest, self.created_through or 0)
        uncovered = sum(not self._known.covers([row]) for row in rows)
        self._uncovered_rows += uncovered
        self._covered_rows += len(rows) - uncovered
        self._known.add_created(rows)

    async def _mark(self, stretch: Stretch) -> None:
        if not self._window.goes_on:
            await self._access.mark(stretch, BALANCE_TRANSACTIONS)


def _gaps(low: int | None, stretches: Iterable[Stretch]) -> list[Stretch]:
    """Answer what remains of all time from `low` on, less stretches that were read."""
    gaps: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda s: (s.low is not None, s.low or 0)):
        if stretch.low is not None and (low is None or low < stretch.low):
            gaps.append(Stretch(low, stretch.low - 1))
        # An open end was read up to a moment that nobody noted.
        end = stretch.low if stretch.high is None else stretch.high + 1
        if end is not None:
            low = max(low or 0, end)
    return [*gaps, Stretch(low, None)]


def _days(instants: Iterable[int]) -> Iterator[Stretch]:
    """Answer the first and last instant of each UTC day among some instants."""
    by_day: dict[int, list[int]] = {}
    for instant in instants:
        by_day.setdefault(instant // DAY, []).append(instant)
    for _, day in sorted(by_day.items()):
        yield Stretch(min(day), max(day))
