"""Reads what is new of one account: payouts, their lists, transactions by `created`, balance.

The order matters. Payouts come first, because a list counts only if it was begun after Stripe
called it complete; lists come before the transactions, so that every listed row can be found
there; the balance last. What the rows then name and nobody has read, such as the payout that a
failure months later is about, are loose ends, tied at the end of the sync.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    BALANCE_TRANSACTIONS,
    BALANCES,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    PAYOUTS,
    RawTable,
    Row,
    balance_rows,
    object_row,
)
from loader.stripe_api.client import StripeClient
from loader.stripe_api.errors import (
    KeyRefusedError,
    NotFoundError,
    RequestRefusedError,
    StripeReadError,
    UnexpectedAnswerError,
)
from loader.stripe_api.paging import pages
from loader.warehouse import AccountHistory, LooseEnds

# Payouts stay open to change: paid may become failed, a trace id arrives up to 10 days late.
# Failures were seen 9 days after arrival; 30 days leaves room.
PAYOUT_WINDOW_SECONDS = 30 * 86_400

# Rows can appear late: `created` lies behind the moment at which the API first shows a row. A day
# is always read again; what the last page of it holds beyond costs nothing and is kept too.
TRANSACTION_OVERLAP_SECONDS = 86_400
TRANSACTION_REACH_SECONDS = 30 * 86_400

LISTS_AT_ONCE = 50

# Takes rows of raw tables that belong together; returns once they are in one batch.
Keep = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Reading:
    """What a run reads of every account."""

    run_id: str
    start: int | None
    """`TIEOUT_START_DATE` in epoch seconds; none is all history."""


class AccountReader:
    """One account in one run: reads, hands rows over to be kept, and says what was covered."""

    def __init__(
        self,
        client: StripeClient,
        reading: Reading,
        account_id: str,
        history: AccountHistory | None,
        keep: Keep,
        *,
        is_platform: bool,
    ) -> None:
        """Take what is known.

        Args:
            history: what earlier runs read; none for an account read for the first time.
            keep: takes rows of a raw table; returns once they are in a batch.
        """
        self.account_id = account_id
        self._client = client
        self._reading = reading
        self._history = history or AccountHistory()
        self._keep_rows = keep
        self._header = None if is_platform else account_id
        self._goes_on = history is not None and not _starts_before(reading.start, history)
        self._payouts: dict[str, Row] = {}
        self._listed: set[str] = set(self._history.listed_payouts)
        self._created_through = self._history.created_through
        self._transactions_listed_at: int | None = None
        self._started_at = int(time.time())
        self._pages = self._rows = 0

    async def read(self) -> None:
        """Read everything that is new, and the record of having read it.

        Raises:
            StripeReadError: the account could not be read to the end; what was read is kept.
        """
        await self._read_payouts()
        await self._read_lists(self._payouts.values())
        await self._read_transactions()
        await self._read_balance()
        await self._keep((ACCOUNT_SYNCS, [self.record("readable")]))

    def record(self, status: str, error: str | None = None) -> Row:
        """Answer the row of `account_syncs` for this reading."""
        payouts = [row["created"] for row in self._payouts.values()]
        if self._history.payouts_through is not None:
            payouts.append(self._history.payouts_through)
        return {
            "account_id": self.account_id,
            "run_id": self._reading.run_id,
            "status": status,
            "error": error,
            "started_at": self._started_at,
            "finished_at": int(time.time()),
            "transactions_listed_at": self._transactions_listed_at,
            "created_from": self._window_start,
            "created_through": self._created_through,
            "payouts_through": max(payouts, default=None),
            "pages": self._pages,
            "rows": self._rows,
        }

    async def tie_loose_ends(self, ends: LooseEnds) -> None:
        """Look up what stored rows name and what is not stored as they name it.

        Raises:
            StripeReadError: the account could not be read to the end.
        """
        for payout_id in sorted(ends.payouts):
            await self._read_payout(payout_id)
        await self._read_lists(self._payouts[p] for p in ends.payouts if p in self._payouts)
        looked_up_at = int(time.time())
        for first, last in _days(ends.unconfirmed_created):
            async for page in self._pages_of(
                "/v1/balance_transactions", {"created": {"gte": first, "lte": last}}
            ):
                await self._keep((BALANCE_TRANSACTIONS, self._as_rows(page)))
        for transaction_id in sorted(ends.rows_before_window):
            row = await self._retrieve("/v1/balance_transactions", transaction_id)
            if row is not None:
                await self._keep((BALANCE_TRANSACTIONS, [row]))
        # What the lists read just now name is looked up in the next round, until there is none.
        self._transactions_listed_at = looked_up_at
        await self._keep((ACCOUNT_SYNCS, [self.record("readable")]))

    async def _read_payouts(self) -> None:
        since = self._since(self._history.payouts_through, PAYOUT_WINDOW_SECONDS)
        async for page in self._pages_of("/v1/payouts", _created_since(since)):
            await self._keep_payouts(self._as_rows(page))
        for payout_id in sorted(self._history.open_payouts - self._payouts.keys()):
            await self._read_payout(payout_id)

    async def _read_payout(self, payout_id: str) -> None:
        row = await self._retrieve("/v1/payouts", payout_id)
        if row is not None:
            await self._keep_payouts([row])

    async def _keep_payouts(self, rows: list[Row]) -> None:
        await self._keep((PAYOUTS, rows))
        self._payouts.update({row["id"]: row for row in rows})

    async def _read_lists(self, payouts: Iterable[Row]) -> None:
        """Read the list of each payout that Stripe calls complete and that is not stored whole."""
        wanted = [
            payout
            for payout in payouts
            if payout.get("reconciliation_status") == "completed"
            and payout["id"] not in self._listed
        ]
        for first in range(0, len(wanted), LISTS_AT_ONCE):
            try:
                async with asyncio.TaskGroup() as tasks:
                    for payout in wanted[first : first + LISTS_AT_ONCE]:
                        tasks.create_task(self._read_list(payout))
            except ExceptionGroup as group:
                raise _gravest(group) from None

    async def _read_list(self, payout: Row) -> None:
        """Read one payout's list; its rows are kept only if it was read to its proven end."""
        listed_at = int(time.time())
        rows: list[Row] = []
        error = None
        try:
            async for page in self._pages_of("/v1/balance_transactions", {"payout": payout["id"]}):
                rows += [row | {"payout_id": payout["id"]} for row in self._as_rows(page)]
        except (UnexpectedAnswerError, RequestRefusedError, NotFoundError) as refusal:
            error = str(refusal)
        listing = {
            "account_id": self.account_id,
            "id": payout["id"],
            "listed_at": listed_at,
            "reconciliation_status_seen": payout["reconciliation_status"],
            "is_whole": error is None,
            "row_count": len(rows),
            "error": error,
        }
        self._listed.add(payout["id"])
        kept = (rows or [self._cleared(payout["id"])]) if error is None else []
        await self._keep((PAYOUT_LISTINGS, [listing]), (PAYOUT_TRANSACTIONS, kept))

    def _cleared(self, payout_id: str) -> Row:
        return {"account_id": self.account_id, "payout_id": payout_id, "id": "", "is_cleared": True}

    async def _read_transactions(self) -> None:
        self._transactions_listed_at = int(time.time())
        through = self._history.created_through
        enough = None
        if self._goes_on and through is not None:
            enough = through - TRANSACTION_OVERLAP_SECONDS
        since = self._since(through, TRANSACTION_REACH_SECONDS)
        async for page in self._pages_of("/v1/balance_transactions", _created_since(since)):
            rows = self._as_rows(page)
            await self._keep((BALANCE_TRANSACTIONS, rows))
            created = [row["created"] for row in rows]
            known = [] if self._created_through is None else [self._created_through]
            self._created_through = max([*created, *known], default=None)
            if enough is not None and min(created, default=enough) < enough:
                return

    async def _read_balance(self) -> None:
        balance = await self._client.get("/v1/balance", account_id=self._header)
        await self._keep((BALANCES, balance_rows(self.account_id, balance, int(time.time()))))

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

    def _as_rows(self, page: list[dict[str, Any]]) -> list[Row]:
        return [object_row(self.account_id, item) for item in page]

    async def _keep(self, *parts: tuple[RawTable, Sequence[Row]]) -> None:
        """Check rows and hand them over; those of several tables go into the same batch."""
        for table, rows in parts:
            table.check(rows)
            self._rows += len(rows)
        await self._keep_rows(*parts)

    @property
    def _window_start(self) -> int | None:
        """Start of the window that is wholly read once this reading is done."""
        return self._history.created_from if self._goes_on else self._reading.start

    def _since(self, through: int | None, overlap: int) -> int | None:
        """Answer the `created` from which to list: what was read before, less an overlap.

        A start that was moved later leaves no gap: reading goes on where it ended.
        """
        if through is None or not self._goes_on:
            return self._window_start
        return max(through - overlap, self._window_start or 0)


def _starts_before(start: int | None, history: AccountHistory) -> bool:
    """Tell whether the window now asked for begins before the one that was read."""
    if history.created_from is None:
        return False
    return start is None or start < history.created_from


def _created_since(since: int | None) -> dict[str, Any]:
    return {} if since is None else {"created": {"gte": since}}


def _days(instants: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Answer the first and last instant of each UTC day among some instants."""
    by_day: dict[int, list[int]] = {}
    for instant in instants:
        by_day.setdefault(instant // 86_400, []).append(instant)
    for _, day in sorted(by_day.items()):
        yield min(day), max(day)


def _gravest(group: ExceptionGroup[Exception]) -> Exception:
    """Answer one error of a group: first what is no matter of one account, then a refused key."""
    errors: list[Exception] = []
    for error in group.exceptions:
        errors.append(_gravest(error) if isinstance(error, ExceptionGroup) else error)
    return min(
        errors, key=lambda e: (isinstance(e, StripeReadError), not isinstance(e, KeyRefusedError))
    )
