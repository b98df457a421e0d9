"""The books: for each account its balance transactions and payouts, appended and never changed.

Facts carry the times at which they come about, future ones too, so that an as-of date only hides
or reveals them. Amounts are signed minor units, times UTC epochs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from loader.sandbox.identifiers import IdSequence, tag

#: Categories that differ from their type (docs.stripe.com/reports/reporting-categories).
REPORTING_CATEGORIES = {
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "payment": "charge",
    "payment_refund": "refund",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "reserve_transaction": "connect_reserved_funds",
    "stripe_fee": "fee",
    "transfer_refund": "transfer_reversal",
}


class Fee(NamedTuple):
    """One line of a transaction's `fee_details`."""

    amount: int
    type: str
    description: str
    application: str | None = None


@dataclass(slots=True)
class BalanceTransaction:
    """One movement of an account's balance (docs.stripe.com/api/balance_transactions)."""

    id: str
    order: int
    """Place among the account's rows; settles which of two rows of one second is the newer."""
    type: str
    reporting_category: str
    amount: int
    fees: tuple[Fee, ...]
    currency: str
    created: int
    available_on: int
    source: str | None
    description: str | None
    balance_type: str = "payments"
    exchange_rate: float | None = None
    paid_out_in: str | None = None
    """The automatic payout that swept this row, known to the ledger alone: Stripe's rows do not
    tell. A payout's own row names no payout here, unless a later one swept it."""

    @property
    def fee(self) -> int:
        """All fees; negative where a refund gives one back."""
        return sum(fee.amount for fee in self.fees)

    @property
    def net(self) -> int:
        """What the row adds to the balance."""
        return self.amount - self.fee


@dataclass(slots=True, kw_only=True)
class Payout:
    """Money sent to a bank, with the times at which its state changes (api/payouts)."""

    id: str
    order: int
    amount: int
    currency: str
    created: int
    arrival_date: int
    destination: str
    own_row: BalanceTransaction
    automatic: bool = True
    method: str = "standard"
    description: str | None = "STRIPE PAYOUT"
    itemized_at: int | None = None
    """When `reconciliation_status` turns `completed`; None for manual and instant payouts."""
    in_transit_at: int
    paid_at: int
    failed_at: int | None = None
    canceled_at: int | None = None
    failure_code: str | None = None
    returning_row: BalanceTransaction | None = None
    """The `payout_failure` or `payout_cancel` row that brought the money back."""
    rows: list[BalanceTransaction] = field(default_factory=list)
    """What an automatic payout swept, its own row not included."""
    split_from: str | None = None
    """The primary payout, where Stripe split one settlement and the rows are listed there."""

    def status_at(self, now: int) -> str:
        """Return the payout's `status` at an instant."""
        steps = (
            (self.canceled_at, "canceled"),
            (self.failed_at, "failed"),
            (self.paid_at, "paid"),
            (self.in_transit_at, "in_transit"),
        )
        return next((name for at, name in steps if at is not None and at <= now), "pending")

    def reconciliation_status_at(self, now: int) -> str:
        """Return the payout's `reconciliation_status` at an instant."""
        if self.itemized_at is None:
            return "not_applicable"
        return "completed" if self.itemized_at <= now else "in_progress"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A Stripe account: the platform, or one connected to it."""

    id: str
    order: int
    """Place among the platform's accounts."""
    name: str
    country: str
    default_currency: str
    created: int
    destinations: dict[str, str]
    """The bank account (`ba_…`) of each settlement currency."""
    payout_interval: str = "daily"
    payout_anchor: str | None = None
    """Weekday of weekly payouts, as Stripe writes it."""
    delay_days: int = 2
    debits_negative_balances: bool = True
    is_platform: bool = False
    revoked_at: int | None = None
    unlisted_at: int | None = None
    """When a revoked account leaves `/v1/accounts`; None while it stays there."""


@dataclass
class AccountBook:
    """One account's books."""

    account: Account
    ids: IdSequence
    transactions: list[BalanceTransaction] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)
    _unswept: dict[str, list[BalanceTransaction]] = field(
        default_factory=lambda: defaultdict(list), repr=False
    )

    def post(
        self,
        type_: str,
        amount: int,
        currency: str,
        created: int,
        *,
        available_on: int | None = None,
        fees: tuple[Fee, ...] = (),
        source: str | None = None,
        description: str | None = None,
        category: str | None = None,
        balance_type: str = "payments",
        exchange_rate: float | None = None,
    ) -> BalanceTransaction:
        """Append a movement; without `available_on` the money moves at once."""
        row = BalanceTransaction(
            self.ids.next("txn"),
            len(self.transactions),
            type_,
            category or REPORTING_CATEGORIES.get(type_, type_),
            amount,
            fees,
            currency,
            created,
            created if available_on is None else max(available_on, created),
            source,
            description,
            balance_type,
            exchange_rate,
        )
        self.transactions.append(row)
        if balance_type == "payments":
            self._unswept[currency].append(row)
        return row

    def post_all(self, rows: Iterable[BalanceTransaction]) -> None:
        """Append movements of the payments balance that stand ready, in their order."""
        for row in rows:
            self.transactions.append(row)
            self._unswept[row.currency].append(row)

    def unswept(self, currency: str, *, created_by: int) -> Iterator[BalanceTransaction]:
        """Yield the rows of the payments balance that no payout holds yet."""
        return (row for row in self._unswept[currency] if row.created <= created_by)

    def spendable(self, currency: str, now: int) -> int:
        """Return what a manual or instant payout may send: available, and in no payout yet."""
        rows = self.unswept(currency, created_by=now)
        return sum(row.net for row in rows if row.available_on <= now or row.net < 0)

    def due(self, currency: str, created: int, available_by: int) -> list[BalanceTransaction]:
        """Return the rows an automatic payout created then would sweep."""
        return [
            row
            for row in self._unswept[currency]
            if row.created < created and row.available_on <= available_by
        ]

    def sweep(self, payout: Payout, rows: list[BalanceTransaction]) -> None:
        """Put rows into an automatic payout: for good, whatever becomes of the payout."""
        for row in rows:
            row.paid_out_in = payout.id
        payout.rows = rows
        self._unswept[payout.currency] = [
            row for row in self._unswept[payout.currency] if row.paid_out_in is None
        ]

    def keep_out_of_sweeps(self, row: BalanceTransaction) -> None:
        """Take an automatic payout's own row out of the money still to be paid out."""
        self._unswept[row.currency].remove(row)


@dataclass
class Ledger:
    """All accounts' books, the platform's first."""

    platform: AccountBook
    connected: list[AccountBook] = field(default_factory=list)

    @property
    def books(self) -> list[AccountBook]:
        """Every account's books."""
        return [self.platform, *self.connected]


def open_book(seed: int, key: str, account: Account) -> AccountBook:
    """Start an account's books; `key` names the account among all of the seed's."""
    return AccountBook(account, IdSequence(tag(seed, key, "objects")))
