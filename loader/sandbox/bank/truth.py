"""What a reconciliation with the bank must find, told by who made the statements.

Nothing here is matched: each line knows whose it is.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from loader.sandbox.bank.books import BankBook, bank_books
from loader.sandbox.bank.lines import BankLine, Role, is_bank_transfer
from loader.sandbox.banking_days import after_banking_days, day_of
from loader.sandbox.ledger import Payout
from loader.sandbox.options import SandboxOptions
from loader.sandbox.planting import Key
from loader.sandbox.sandbox import Sandbox, open_sandbox
from loader.sandbox.snapshot import AccountView

GRACE_BUSINESS_DAYS = 5
"""After the arrival date, until a payout that is not on the statement is overdue."""
_WINDOW_DAYS = range(-3, 11)
"""From its arrival date, in which who reads a statement must expect a payout's entry."""

_STATUS_OF_ROLE = {
    Role.UNKNOWN: "unmatched_stripe",
    Role.OTHER: "unmatched_other",
    Role.SECOND: "ambiguous",
}


@dataclass(frozen=True)
class TrueBankPayout:
    """What the bank says of one payout."""

    account_id: str
    payout_id: str
    bank_match_status: str
    bank_account_id: str | None = None
    """None where there are no statements."""
    references: frozenset[str] = frozenset()
    """Of its entries; of an ambiguous payout, of all that may be its entry."""
    is_return_missing: bool = False
    """Whether it failed, and its money is still on the bank account as far as statements tell."""


@dataclass(frozen=True)
class TrueBankLine:
    """Whose one line of a statement is."""

    bank_account_id: str
    reference: str
    line_match_status: str
    payouts: frozenset[Key] = frozenset()
    """Whose it is; of an ambiguous line, whose it may be."""


@dataclass(frozen=True)
class ExpectedBankException:
    """An exception that a reconciliation must report, by the ids it must name."""

    exception_type: str
    account_id: str
    payout_id: str | None = None
    bank_account_id: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class BankTruth:
    """Everything that is true of the banks at the as-of time."""

    payouts: dict[Key, TrueBankPayout] = field(default_factory=dict)
    """By (account_id, payout_id), of all accounts that can be read."""
    lines: dict[Key, TrueBankLine] = field(default_factory=dict)
    """By (bank_account_id, reference)."""
    exceptions: tuple[ExpectedBankException, ...] = ()


def bank_truth_of(options: SandboxOptions) -> BankTruth:
    """Return what is true of the banks of the sandbox these options make."""
    return bank_truth_in(open_sandbox(options), options)


def bank_truth_in(sandbox: Sandbox, options: SandboxOptions) -> BankTruth:
    """Return what is true of the banks of a sandbox, which these options made."""
    books = {(book.holder.id, book.bank.currency): book for book in bank_books(options)}
    snapshot = sandbox.snapshot
    payouts: dict[Key, TrueBankPayout] = {}
    for view in (snapshot.platform, *snapshot.connected.values()):
        if view.is_accessible and not view.is_denied:
            payouts |= _payouts_of(view, books)
    lines: dict[Key, TrueBankLine] = {}
    exceptions = [found for payout in payouts.values() for found in _of_payout(payout)]
    for book in books.values():
        for line in book.lines:
            told = _true_line(book, line, payouts)
            lines[told.bank_account_id, told.reference] = told
            if told.line_match_status == "unmatched_stripe":
                exceptions.append(_missing_in_stripe(book, told))
    return BankTruth(payouts, lines, tuple(exceptions))


def _payouts_of(
    view: AccountView, books: dict[tuple[str, str], BankBook]
) -> Iterator[tuple[Key, TrueBankPayout]]:
    account_id = view.account.id
    truths = {
        currency: _BookTruth(books[account_id, currency])
        for currency in view.account.destinations
        if (account_id, currency) in books
    }
    for payout in view.payouts.values():
        truth = truths.get(payout.currency)
        told = (
            TrueBankPayout(account_id, payout.id, _without_statements(payout, view.now))
            if truth is None
            else truth.payout(payout, view.now)
        )
        yield (account_id, payout.id), told


def _without_statements(payout: Payout, now: int) -> str:
    return "not_expected" if _is_never_sent(payout, now) else "no_bank_data"


def _is_never_sent(payout: Payout, now: int) -> bool:
    """Whether Stripe itself says that nothing will come to a bank account."""
    return payout.status_at(now) == "canceled" or not is_bank_transfer(payout)


class _BookTruth:
    """What one bank account's statements say of its payouts."""

    def __init__(self, book: BankBook) -> None:
        self.book = book
        self._lines: dict[str, list[BankLine]] = defaultdict(list)
        for line in book.lines:
            for payout in line.payouts:
                self._lines[payout.id].append(line)
        self._interchangeable = set(_interchangeable(book))

    def payout(self, payout: Payout, now: int) -> TrueBankPayout:
        """Return what they say of one payout."""
        lines = self._lines.get(payout.id, [])
        is_failed = payout.status_at(now) == "failed"
        if not is_failed:  # what a return is of, no one can know before Stripe does
            lines = [line for line in lines if line.role is not Role.RETURN]
        return TrueBankPayout(
            self.book.holder.id,
            payout.id,
            self._status_of(payout, lines, now),
            self.book.bank.number,
            frozenset(line.entry.reference for line in lines),
            is_return_missing=is_failed and {line.role for line in lines} == {Role.DEPOSIT},
        )

    def _status_of(self, payout: Payout, lines: list[BankLine], now: int) -> str:
        if _is_never_sent(payout, now):
            return "not_expected"
        arrival = day_of(payout.arrival_date)
        if arrival < self.book.since:
            return "no_bank_data"
        if lines:
            return self._status_of_arrived(payout, lines)
        if payout.status_at(now) == "failed":
            return "not_expected"
        covered_through = self.book.covered_through
        if arrival <= day_of(now) and arrival + timedelta(_WINDOW_DAYS[0]) > covered_through:
            return "no_bank_data"
        deadline = after_banking_days(arrival, GRACE_BUSINESS_DAYS)
        return "overdue" if deadline <= covered_through else "in_transit"

    def _status_of_arrived(self, payout: Payout, lines: list[BankLine]) -> str:
        roles = {line.role for line in lines}
        if Role.RETURN in roles:
            return "returned"
        if Role.SECOND in roles:
            return "ambiguous"
        if Role.PART in roles or len(lines[0].payouts) > 1:
            return "matched_batch"
        return "matched_group" if payout.id in self._interchangeable else "matched"


def _interchangeable(book: BankBook) -> Iterator[str]:
    """Yield payouts of one amount of which each may have the other's line, for all one can say."""
    deposits = defaultdict(list)
    for line in book.lines:
        if line.role is Role.DEPOSIT and len(line.payouts) == 1 and not book.bank.shows_trace_id:
            deposits[line.entry.amount_minor].append(line)
    for alike in deposits.values():
        for one in alike:
            if any(
                other is not one and _may_be(one, other) and _may_be(other, one) for other in alike
            ):
                yield one.payouts[0].id


def _may_be(deposit: BankLine, other: BankLine) -> bool:
    """Whether a line may be taken for the deposit of another line's payout."""
    arrival = day_of(other.payouts[0].arrival_date)
    return (deposit.entry.posted - arrival).days in _WINDOW_DAYS


def _true_line(book: BankBook, line: BankLine, payouts: dict[Key, TrueBankPayout]) -> TrueBankLine:
    keys = frozenset((book.holder.id, payout.id) for payout in line.payouts)
    status = _STATUS_OF_ROLE.get(line.role)
    if status is None:
        (status,) = {payouts[key].bank_match_status for key in keys}
    if line.role is Role.RETURN and status != "returned":  # Stripe does not know of it yet
        status, keys = "unmatched_stripe", frozenset()
    return TrueBankLine(book.bank.number, line.entry.reference, status, keys)


_EXCEPTION_OF_STATUS = {
    "overdue": "missing_in_bank",
    "ambiguous": "ambiguous_match",
    "returned": "returned_by_bank",
}


def _of_payout(payout: TrueBankPayout) -> Iterator[ExpectedBankException]:
    kind = _EXCEPTION_OF_STATUS.get(payout.bank_match_status)
    if payout.is_return_missing:
        kind = "return_missing"
    if kind is not None:
        yield ExpectedBankException(
            kind, payout.account_id, payout.payout_id, payout.bank_account_id
        )


def _missing_in_stripe(book: BankBook, line: TrueBankLine) -> ExpectedBankException:
    return ExpectedBankException(
        "missing_in_stripe",
        book.holder.id,
        bank_account_id=line.bank_account_id,
        reference=line.reference,
    )
