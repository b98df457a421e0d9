"""What a planted discrepancy is, what it lets be expected, and where it may be planted."""

from dataclasses import dataclass, field

from loader.sandbox.ledger import BalanceTransaction, Payout
from loader.sandbox.snapshot import AccountView

#: Amounts are off by so many minor units; a multiple of every currency's smallest step.
OFF_BY = 100
#: Which of an account's settled payouts is meddled with.
PLACE = 3

Key = tuple[str, str]
"""(account_id, payout_id) or (account_id, balance_transaction_id)."""


@dataclass(frozen=True)
class ExpectedException:
    """An exception that a reconciliation must report, by the ids it must name."""

    exception_type: str
    account_id: str
    payout_id: str | None = None
    balance_transaction_id: str | None = None
    currency: str | None = None
    severity: str = "error"
    is_consequence: bool = False
    """Follows from the fault, rather than being what it was planted for."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """One planted discrepancy and everything that is true because of it."""

    fault: str
    expected: tuple[ExpectedException, ...]
    """What it was planted for comes first."""
    reconciliation_status: dict[Key, str] = field(default_factory=dict)
    settlement_status: dict[Key, str] = field(default_factory=dict)
    attribution: dict[Key, tuple[str, str | None]] = field(default_factory=dict)
    """(`attribution_status`, `payout_id`) of the rows it changes."""
    rows_gone: frozenset[Key] = frozenset()
    """Rows the API shows nowhere."""
    undetermined: frozenset[Key] = frozenset()
    """Rows whose attribution depends on what a reader keeps of a list it cannot trust."""


def settled_payouts(view: AccountView, *, rows: int = 3) -> list[Payout]:
    """Return payouts that are over and done with, oldest first, with at least so many rows."""
    primaries = {payout.split_from for payout in view.payouts.values()}
    return [
        payout
        for payout in view.payouts.values()
        if payout.automatic
        and payout.failed_at is None
        and payout.split_from is None
        and payout.amount > 0
        and payout.paid_at <= view.now
        and len(payout.rows) >= rows
        and payout.id not in primaries
    ]


def some_payout(view: AccountView) -> Payout | None:
    """Return a payout whose place in the history stays the same, however much is added later."""
    payouts = settled_payouts(view)
    return payouts[PLACE] if len(payouts) > PLACE else None


def some_row(payout: Payout) -> BalanceTransaction:
    """Return a row that is neither the first nor the last and moves money."""
    charges = [row for row in payout.rows if row.net > OFF_BY]
    return charges[len(charges) // 2]


def finding(
    view: AccountView,
    kind: str,
    payout: Payout | None = None,
    row: BalanceTransaction | None = None,
    *,
    severity: str = "error",
    is_consequence: bool = False,
) -> ExpectedException:
    """Return the exception of a kind that names this payout, this row or both."""
    return ExpectedException(
        kind,
        view.account.id,
        None if payout is None else payout.id,
        None if row is None else row.id,
        severity=severity,
        is_consequence=is_consequence,
    )


def does_not_sum(view: AccountView, payout: Payout) -> ExpectedException:
    """Return what follows for a payout whose list no longer adds up."""
    return finding(view, "components_do_not_sum", payout, is_consequence=True)


def key_of(view: AccountView, thing: Payout | BalanceTransaction) -> Key:
    """Return the key under which the truth knows it."""
    return view.account.id, thing.id


def unreconciled(view: AccountView, *payouts: Payout) -> dict[Key, str]:
    """Return the status of payouts that must not count as reconciled."""
    return {key_of(view, payout): "unreconciled" for payout in payouts}


def is_overtaken(view: AccountView, row: BalanceTransaction) -> bool:
    """Whether two completed payouts were made since the row became available."""
    later = [
        payout
        for payout in view.payouts.values()
        if payout.automatic
        and payout.currency == row.currency
        and payout.created > row.available_on
        and payout.reconciliation_status_at(view.now) == "completed"
    ]
    return len(later) > 1
