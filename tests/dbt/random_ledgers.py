"""Random accounts with random payouts, and what is true of each, told by who made them.

Ids repeat from account to account, so that a join or sum that forgets the account shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from loader.sources.batch import Batch
from loader.sources.stripe_tables import (
    ACCOUNT_SYNCS,
    ACCOUNTS,
    BALANCE_TRANSACTIONS,
    BALANCES,
    PAYOUT_LISTINGS,
    PAYOUT_TRANSACTIONS,
    PAYOUTS,
    RawTable,
    Row,
    account_row,
    balance_rows,
    object_row,
)
from tests.dbt.stories import listing_row, march, own_row, payout, sync_row, transaction

Object = dict[str, Any]
Piece = tuple[RawTable, list[Row]]
"""Rows that one load package holds together."""

AS_OF_DAY = 12
KINDS = (
    "plain",
    "split",
    "manual",
    "failed",
    "in_progress",
    "line_lost",
    "amount_off",
    "own_row_missing",
)
AMOUNTS = st.tuples(st.integers(-5_000, 20_000), st.integers(0, 90))


@dataclass
class Ledger:
    """One account: Stripe's objects, and the truth about them."""

    payouts: list[Object] = field(default_factory=list)
    lists: dict[str, list[Object]] = field(default_factory=dict)
    transactions: dict[str, Object] = field(default_factory=dict)
    status: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By payout: `reconciliation_status` and `settlement_status`."""
    attribution: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """By transaction: `attribution_status` and the payout that settled it."""

    def pieces(self, account_id: str) -> list[Piece]:
        """Answer what a sync would load, in pieces that may come in any order and any package."""
        ledger = [object_row(account_id, item) for item in self.transactions.values()]
        pieces: list[Piece] = [(BALANCE_TRANSACTIONS, [row]) for row in ledger]
        pieces += [(PAYOUTS, [object_row(account_id, item)]) for item in self.payouts]
        pieces += [(PAYOUT_TRANSACTIONS, self.list_rows(account_id, name)) for name in self.lists]
        pieces += [
            (PAYOUT_LISTINGS, [listing_row(account_id, name, len(listed))])
            for name, listed in self.lists.items()
        ]
        available = [
            {"amount": amount, "currency": currency} for currency, amount in self.balance().items()
        ]
        reading = {"available": available, "pending": []}
        return [
            *pieces,
            (ACCOUNTS, [account_row({"id": account_id, "country": "US"}, is_platform=False)]),
            (BALANCES, balance_rows(account_id, reading, march(AS_OF_DAY))),
            (ACCOUNT_SYNCS, [sync_row(account_id, march(AS_OF_DAY))]),
        ]

    def list_rows(self, account_id: str, payout_id: str) -> list[Row]:
        """Answer the rows of a payout's list."""
        listed = [object_row(account_id, item, payout_id) for item in self.lists[payout_id]]
        cleared = {"account_id": account_id, "payout_id": payout_id, "id": "", "is_cleared": True}
        return listed or [cleared]

    def balance(self) -> dict[str, int]:
        """Answer what the account holds, by currency."""
        sums: dict[str, int] = {}
        for row in self.transactions.values():
            if row["balance_type"] == "payments":
                sums[row["currency"]] = sums.get(row["currency"], 0) + row["net"]
        return sums

    def net_by_currency(self) -> dict[str, int]:
        """Answer what all rows add up to, whatever balance they are of."""
        sums: dict[str, int] = {}
        for row in self.transactions.values():
            sums[row["currency"]] = sums.get(row["currency"], 0) + row["net"]
        return sums

    def add(self, row: Object, status: str, payout_id: str | None = None) -> Object:
        """Put a row into the ledger and say what becomes of it."""
        self.transactions[row["id"]] = row
        self.attribution[row["id"]] = (status, payout_id)
        return row


def batch_of(pieces: list[Piece]) -> Batch:
    """Answer a load package of some pieces."""
    batch = Batch()
    for table, rows in pieces:
        batch.add(table, rows)
    return batch


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Draw an account: up to four payouts in each of up to two currencies."""
    ledger = Ledger()
    for currency in draw(st.lists(st.sampled_from(["usd", "jpy"]), min_size=1, unique=True)):
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
        _History(draw, ledger, currency).make(kinds)
    return ledger


class _History:
    """Makes the payouts of one currency, one every other day."""

    def __init__(self, draw: st.DrawFn, ledger: Ledger, currency: str) -> None:
        self._draw = draw
        self._ledger = ledger
        self._currency = currency
        self._names = 0
        self._carried: list[Object] = []
        """Rows of earlier payouts that the next itemised one may list."""

    def make(self, kinds: list[str]) -> None:
        for number, kind in enumerate(kinds):
            getattr(self, f"_{kind}")(3 + 2 * number)
        if self._draw(st.booleans()):
            issuing = self._row(-5, 1, balance_type="issuing")
            self._ledger.add(issuing, "other_balance")
        self._never_itemised(kinds)

    # One kind of payout each

    def _plain(self, day: int) -> Object:
        carried, self._carried = self._carried, []
        parts = [*self._parts(day), *carried]
        made = self._payout("po", sum(row["net"] for row in parts), day)
        self._settle(made, parts)
        self._ledger.status[made["id"]] = ("reconciled", "paid")
        for row in carried:
            self._was_returned(row)
        return made

    def _split(self, day: int) -> None:
        parts = self._parts(day)
        total = sum(row["net"] for row in parts)
        if abs(total) < 2:
            made = self._payout("po", total, day)
            self._settle(made, parts)
            self._ledger.status[made["id"]] = ("reconciled", "paid")
            return
        primary = self._payout("po", total // 2, day)
        sibling = self._payout("po", total - total // 2, day)
        self._settle(primary, parts)
        own_rows = [self._ledger.transactions[p["balance_transaction"]] for p in (primary, sibling)]
        if self._draw(st.booleans()):
            self._ledger.lists[primary["id"]].append(own_rows[1])
        self._ledger.lists[sibling["id"]] = [own_rows[1]] if self._draw(st.booleans()) else []
        for one in (primary, sibling):
            self._ledger.status[one["id"]] = ("reconciled_in_group", "paid")

    def _manual(self, day: int) -> None:
        for row in self._parts(day):
            self._ledger.add(row, "unsettled")
        made = self._payout("po", 100 * day, day, **_MANUAL)
        self._ledger.status[made["id"]] = ("not_itemizable", "paid")
        if self._draw(st.booleans()):
            self._carried.append(self._ledger.transactions[made["balance_transaction"]])

    def _failed(self, day: int) -> None:
        made = self._plain(day)
        back = self._row(made["amount"], day + 1, type="payout_failure", source=made["id"])
        self._ledger.add(back, "unsettled")
        made |= {"status": "failed", "failure_balance_transaction": back["id"]}
        self._ledger.status[made["id"]] = ("reconciled", "failed_in_balance")
        self._carried.append(back)

    def _in_progress(self, day: int) -> None:
        parts = self._parts(day)
        made = self._payout(
            "po", sum(row["net"] for row in parts), day, reconciliation_status="in_progress"
        )
        for row in parts:
            self._ledger.add(row, "unsettled")
        self._ledger.status[made["id"]] = ("in_progress", "paid")

    def _line_lost(self, day: int) -> None:
        made = self._plain(day)
        lost = self._row(7, day - 1)
        made["amount"] += 7
        own = self._ledger.transactions[made["balance_transaction"]]
        own |= {"amount": -made["amount"], "net": -made["amount"]}
        self._ledger.add(lost, "unsettled")
        self._ledger.status[made["id"]] = ("unreconciled", "paid")

    def _amount_off(self, day: int) -> None:
        made = self._plain(day)
        listed = self._ledger.lists[made["id"]]
        place = len(listed) - 1
        listed[place] = listed[place] | {
            "amount": listed[place]["amount"] + 1,
            "net": listed[place]["net"] + 1,
        }
        self._ledger.status[made["id"]] = ("unreconciled", "paid")

    def _own_row_missing(self, day: int) -> None:
        made = self._plain(day)
        own = made["balance_transaction"]
        del self._ledger.transactions[own], self._ledger.attribution[own]
        self._ledger.lists[made["id"]] = [
            row for row in self._ledger.lists[made["id"]] if row["id"] != own
        ]
        self._ledger.status[made["id"]] = ("unreconciled", "paid")

    # What they are made of

    def _parts(self, day: int) -> list[Object]:
        amounts = self._draw(st.lists(AMOUNTS, min_size=1, max_size=4))
        return [self._row(gross, day - 2, fee=fee) for gross, fee in amounts]

    def _row(self, amount: int, day: int, **more: Any) -> Object:  # noqa: ANN401
        return transaction(
            self._name("txn"),
            amount,
            day,
            **{"available_on": march(day + 1), "currency": self._currency, **more},
        )

    def _payout(self, prefix: str, amount: int, day: int, **more: Any) -> Object:  # noqa: ANN401
        made = payout(self._name(prefix), amount, day, currency=self._currency, **more)
        self._ledger.payouts.append(made)
        self._ledger.add(own_row(made) | {"currency": self._currency}, "payout")
        return made

    def _settle(self, made: Object, parts: list[Object]) -> None:
        """Let a payout list some rows and, perhaps, its own."""
        own = self._ledger.transactions[made["balance_transaction"]]
        lists_own = self._draw(st.booleans())
        self._ledger.lists[made["id"]] = [*([own] if lists_own else []), *parts]
        for row in parts:
            self._ledger.add(row, "settled", made["id"])

    def _was_returned(self, row: Object) -> None:
        if row["type"] == "payout_failure":
            self._ledger.status[row["source"]] = ("reconciled", "failed_repaid")

    def _never_itemised(self, kinds: list[str]) -> None:
        """Where all payouts are manual, nothing is said of rows that the last one could hold."""
        if set(kinds) != {"manual"}:
            return
        last = max(p["created"] for p in self._ledger.payouts if p["currency"] == self._currency)
        for name, (status, _) in self._ledger.attribution.items():
            row = self._ledger.transactions[name]
            if (
                status == "unsettled"
                and row["currency"] == self._currency
                and row["available_on"] <= last
            ):
                self._ledger.attribution[name] = ("not_attributable", None)

    def _name(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}_{self._currency}_{self._names}"


_MANUAL = {"automatic": False, "reconciliation_status": "not_applicable"}
