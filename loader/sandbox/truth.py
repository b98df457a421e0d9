"""What is true of a sandbox, told by the books themselves: what a reconciliation must find.

Nothing here comes from the API's lists. The ledger knows which rows it swept into which payout,
and each planted fault knows what it did. Only accounts that can be read have payouts and rows
here: of one that is revoked, what was read before is the truth of an earlier as-of.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from loader.sandbox.ledger import BalanceTransaction, Payout
from loader.sandbox.options import SandboxOptions
from loader.sandbox.planting import ExpectedException, Key, Planted
from loader.sandbox.sandbox import Sandbox, open_sandbox
from loader.sandbox.snapshot import AccountView, Snapshot, is_listed


@dataclass(frozen=True)
class TrueAccount:
    """An account that the platform has or had."""

    account_id: str
    access_status: str
    """`readable`, `revoked`, or `failed` where a permission is missing."""
    is_listed: bool
    """Whether `/v1/accounts` names it; never the platform itself."""
    is_platform: bool


@dataclass(frozen=True)
class TruePayout:
    """What becomes of one payout."""

    account_id: str
    payout_id: str
    amount: int
    currency: str
    status: str
    reconciliation_status: str
    settlement_status: str
    returned_in_payout_id: str | None


@dataclass(frozen=True)
class TrueTransaction:
    """Which payout one balance transaction was paid out in."""

    account_id: str
    balance_transaction_id: str
    attribution_status: str
    payout_id: str | None


@dataclass(frozen=True)
class Truth:
    """Everything that is true at the as-of time."""

    accounts: dict[str, TrueAccount]
    payouts: dict[Key, TruePayout]
    transactions: dict[Key, TrueTransaction]
    planted: tuple[Planted, ...]
    exceptions: tuple[ExpectedException, ...]
    """Every exception the planted faults lead to, warnings and consequences included."""
    undetermined: frozenset[Key]
    """Transactions whose attribution a planted fault leaves open."""


def truth_of(options: SandboxOptions) -> Truth:
    """Return what is true of the sandbox these options make."""
    return truth_in(open_sandbox(options))


def truth_in(sandbox: Sandbox) -> Truth:
    """Return what is true of a sandbox."""
    snapshot, planted = sandbox.snapshot, sandbox.planted
    accounts = {account.account_id: account for account in _accounts(snapshot)}
    payouts: dict[Key, TruePayout] = {}
    transactions: dict[Key, TrueTransaction] = {}
    for view in _readable(snapshot):
        truth = _AccountTruth(view)
        payouts |= {(view.account.id, payout.payout_id): payout for payout in truth.payouts()}
        transactions |= {
            (view.account.id, row.balance_transaction_id): row for row in truth.transactions()
        }
    for fault in planted:
        _apply(fault, payouts, transactions)
    return Truth(
        accounts,
        payouts,
        transactions,
        planted,
        exceptions=(
            *(expected for fault in planted for expected in fault.expected),
            *_unproven_balances(sandbox),
        ),
        undetermined=frozenset(key for fault in planted for key in fault.undetermined),
    )


def _accounts(snapshot: Snapshot) -> Iterator[TrueAccount]:
    yield TrueAccount(snapshot.platform.account.id, "readable", False, is_platform=True)
    for view in snapshot.connected.values():
        status = "readable" if view.is_accessible else "revoked"
        yield TrueAccount(
            view.account.id,
            "failed" if view.is_denied else status,
            is_listed(view.account, snapshot.now),
            is_platform=False,
        )


def _readable(snapshot: Snapshot) -> Iterator[AccountView]:
    for view in (snapshot.platform, *snapshot.connected.values()):
        if view.is_accessible and not view.is_denied:
            yield view


class _AccountTruth:
    """What one account's books say, before any fault."""

    def __init__(self, view: AccountView) -> None:
        self._now = view.now
        self._account_id = view.account.id
        book = view.book
        self._payouts = [payout for payout in book.payouts if payout.created <= self._now]
        self._rows = [row for row in book.transactions if row.created <= self._now]
        self._own_rows = {payout.own_row.id for payout in self._payouts}
        self._itemized = {
            payout.id
            for payout in self._payouts
            if payout.reconciliation_status_at(self._now) == "completed"
        }
        self._primaries = {payout.split_from for payout in self._payouts if payout.split_from}

    def payouts(self) -> Iterator[TruePayout]:
        for payout in self._payouts:
            yield TruePayout(
                self._account_id,
                payout.id,
                payout.amount,
                payout.currency,
                payout.status_at(self._now),
                self._reconciliation_status(payout),
                self._settlement_status(payout),
                self._returned_in(payout),
            )

    def _reconciliation_status(self, payout: Payout) -> str:
        stated = payout.reconciliation_status_at(self._now)
        if stated == "in_progress":
            return "in_progress"
        if stated == "not_applicable":
            return "not_itemizable"
        is_split = payout.split_from is not None or payout.id in self._primaries
        return "reconciled_in_group" if is_split else "reconciled"

    def _settlement_status(self, payout: Payout) -> str:
        status = payout.status_at(self._now)
        if status == "failed":
            return "failed_repaid" if self._returned_in(payout) else "failed_in_balance"
        return {"paid": "paid", "canceled": "canceled"}.get(status, "expected")

    def _returned_in(self, payout: Payout) -> str | None:
        """Return the itemised payout that paid the returned money out again."""
        row = payout.returning_row
        if row is None or row.paid_out_in not in self._itemized:
            return None
        return row.paid_out_in

    def transactions(self) -> Iterator[TrueTransaction]:
        for row in self._rows:
            status = self._attribution_status(row)
            payout_id = row.paid_out_in if status == "settled" else None
            yield TrueTransaction(self._account_id, row.id, status, payout_id)

    def _attribution_status(self, row: BalanceTransaction) -> str:
        if row.paid_out_in in self._itemized:
            return "settled"
        if row.id in self._own_rows:
            return "payout"
        if row.balance_type != "payments":
            return "other_balance"
        return "not_attributable" if self._is_chosen_by_hand(row) else "unsettled"

    def _is_chosen_by_hand(self, row: BalanceTransaction) -> bool:
        """Whether the row may have left in a payout the account made itself; no one can say."""
        payouts = [payout for payout in self._payouts if payout.currency == row.currency]
        return (
            row.available_on <= self._now
            and not any(payout.automatic for payout in payouts)
            and any(payout.created >= row.available_on for payout in payouts)
        )


def _apply(
    fault: Planted, payouts: dict[Key, TruePayout], transactions: dict[Key, TrueTransaction]
) -> None:
    for key, status in fault.reconciliation_status.items():
        payouts[key] = replace(payouts[key], reconciliation_status=status)
    for key, status in fault.settlement_status.items():
        payouts[key] = replace(payouts[key], settlement_status=status)
        if status.startswith("failed"):
            payouts[key] = replace(payouts[key], status="failed")
    for key, (status, payout_id) in fault.attribution.items():
        transactions[key] = TrueTransaction(*key, status, payout_id)
    for key in fault.rows_gone:
        del transactions[key]


def _unproven_balances(sandbox: Sandbox) -> Iterator[ExpectedException]:
    """Yield the currencies in which the rows shown no longer add up to the balance stated."""
    for view in _readable(sandbox.snapshot):
        shown = {row.id: row for rows in view.lists.values() for row in rows} | view.transactions
        difference: dict[str, int] = defaultdict(int)
        for row in shown.values():
            if row.balance_type == "payments":
                difference[row.currency] += row.net
        for row in view.ledger():
            if row.balance_type == "payments":
                difference[row.currency] -= row.net
        for currency, amount in difference.items():
            if amount != 0:
                yield ExpectedException(
                    "balance_unproven", view.account.id, currency=currency, is_consequence=True
                )
