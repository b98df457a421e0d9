"""What the API shows at one instant: the ledger, cut at the as-of time and sorted for listing.

Planted faults change a snapshot, never the ledger behind it.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from loader.sandbox.ledger import Account, AccountBook, BalanceTransaction, Ledger, Payout


class Listed(Protocol):
    """What can stand in a list: `order` settles ties of equal `created`."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def created(self) -> int:
        """UTC epoch."""

    @property
    def order(self) -> int:
        """Place among what was created in the same second."""


T = TypeVar("T", bound=Listed)

_ORDER_BITS = 28


def position_key(listed: Listed) -> int:
    """Return a number that sorts newest first."""
    return -((listed.created << _ORDER_BITS) | listed.order)


def _earliest_key(created: int) -> int:
    """Return the key after which all that was created before `created` stands."""
    return -(created << _ORDER_BITS)


@dataclass(frozen=True)
class Window:
    """A part of a list: `created` bounds (both included) and a cursor on one side."""

    limit: int = 10
    created_from: int | None = None
    created_to: int | None = None
    after: Listed | None = None
    before: Listed | None = None


class Series(Generic[T]):
    """Objects of one kind, newest first."""

    def __init__(self, items: Iterable[T]) -> None:
        self.items = sorted(items, key=position_key)
        self._keys = array("q", map(position_key, self.items))

    def page(self, window: Window, matches: Callable[[T], bool] | None) -> tuple[list[T], bool]:
        """Return the window's items, newest first, and whether more follow in its direction."""
        low, high = self._bounds(window)
        backwards = window.before is not None
        span = range(high - 1, low - 1, -1) if backwards else range(low, high)
        found: list[T] = []
        for index in span:
            item = self.items[index]
            if matches is not None and not matches(item):
                continue
            if len(found) == window.limit:
                return (found[::-1] if backwards else found), True
            found.append(item)
        return (found[::-1] if backwards else found), False

    def _bounds(self, window: Window) -> tuple[int, int]:
        low, high = 0, len(self.items)
        if window.created_to is not None:
            low = bisect_right(self._keys, _earliest_key(window.created_to + 1))
        if window.created_from is not None:
            high = bisect_right(self._keys, _earliest_key(window.created_from))
        if window.after is not None:
            low = max(low, bisect_right(self._keys, position_key(window.after)))
        if window.before is not None:
            high = min(high, bisect_left(self._keys, position_key(window.before)))
        return low, high


@dataclass
class AccountView:
    """One account as the API shows it."""

    account: Account
    book: AccountBook
    now: int
    transactions: dict[str, BalanceTransaction]
    """The listing by `created`, by id."""
    payouts: dict[str, Payout]
    lists: dict[str, list[BalanceTransaction]]
    """Each automatic payout's list (`?payout=`), its own row included."""
    lists_repeating_ids: set[str] = field(default_factory=set)
    """Payouts whose list begins each further page with the row that ended the last one."""
    ghosts: set[str] = field(default_factory=set)
    """Rows that a list shows and that are in no ledger, so in no balance either."""
    is_denied: bool = False
    """Whether the key lacks a permission on this account."""
    _series: dict[str, Series[BalanceTransaction]] = field(default_factory=dict)
    _payout_series: Series[Payout] | None = None
    _by_source: dict[str, list[BalanceTransaction]] | None = None

    @property
    def is_accessible(self) -> bool:
        """Whether the account lets the platform in."""
        return is_readable(self.account, self.now)

    def ledger(self) -> Iterator[BalanceTransaction]:
        """Yield the rows that the balance is made of."""
        for row in self.book.transactions:
            if row.created <= self.now and row.id not in self.ghosts:
                yield row

    def all_transactions(self) -> Series[BalanceTransaction]:
        """Return the whole listing by `created`."""
        return self._cached("", self.transactions.values)

    def transactions_of(self, payout: Payout) -> Series[BalanceTransaction]:
        """Return a payout's list; only a part of it while Stripe itemises it."""
        rows = self.lists[payout.id]
        if payout.reconciliation_status_at(self.now) == "in_progress":
            rows = rows[1::2]
        return self._cached(payout.id, lambda: rows)

    def transactions_from(self, source: str) -> Series[BalanceTransaction]:
        """Return the rows that name `source`."""
        if self._by_source is None:
            self._by_source = defaultdict(list)
            for row in self.transactions.values():
                if row.source is not None:
                    self._by_source[row.source].append(row)
        return Series(self._by_source.get(source, []))

    def all_payouts(self) -> Series[Payout]:
        """Return the payouts, newest first."""
        if self._payout_series is None:
            self._payout_series = Series(self.payouts.values())
        return self._payout_series

    def find_row(self, row_id: str) -> BalanceTransaction | None:
        """Return a row the listing or any payout's list shows: what a cursor may name."""
        if row_id in self.transactions:
            return self.transactions[row_id]
        rows = (row for rows in self.lists.values() for row in rows)
        return next((row for row in rows if row.id == row_id), None)

    def _cached(
        self, name: str, rows: Callable[[], Iterable[BalanceTransaction]]
    ) -> Series[BalanceTransaction]:
        if name not in self._series:
            self._series[name] = Series(rows())
        return self._series[name]


@dataclass
class Snapshot:
    """Everything the API shows at `now`."""

    now: int
    platform: AccountView
    accounts: list[Account]
    """The connected accounts there are, readable and listed or not."""
    connected: Mapping[str, AccountView]

    def view(self, account_id: str) -> AccountView | None:
        """Return an account's view, whether or not it can be read."""
        if account_id == self.platform.account.id:
            return self.platform
        return self.connected.get(account_id)


def take_snapshot(ledger: Ledger, now: int) -> Snapshot:
    """Show the ledger at an instant."""
    opened = [book for book in ledger.connected if book.account.created <= now]
    return Snapshot(
        now=now,
        platform=view_of(ledger.platform, now),
        accounts=[book.account for book in opened],
        connected={book.account.id: view_of(book, now) for book in opened},
    )


def view_of(book: AccountBook, now: int) -> AccountView:
    """Show one account's books at an instant."""
    payouts = {payout.id: payout for payout in book.payouts if payout.created <= now}
    return AccountView(
        account=book.account,
        book=book,
        now=now,
        transactions={row.id: row for row in book.transactions if row.created <= now},
        payouts=payouts,
        lists={
            payout.id: [payout.own_row, *payout.rows]
            for payout in payouts.values()
            if payout.automatic
        },
    )


def is_readable(account: Account, now: int) -> bool:
    """Whether the platform still has access."""
    return account.revoked_at is None or account.revoked_at > now


def is_listed(account: Account, now: int) -> bool:
    """Whether `/v1/accounts` names the account."""
    return account.unlisted_at is None or account.unlisted_at > now
