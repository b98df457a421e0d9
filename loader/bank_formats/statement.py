"""The one shape of what every reader gives: lines, and the statement that closes them.

Money is integer minor units, signed as on the account: what comes in is positive. A statement is
whole if its lines lead from its opening to its closing balance and its own counts are right.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


class UnreadableStatementError(Exception):
    """A file can't be read as a bank statement at all; the message says why and where."""


@dataclass(frozen=True)
class StatementLine:
    """One entry of a statement."""

    account: str
    currency: str
    """ISO 4217 code in lower case, as Stripe writes it."""
    amount_minor: int
    posted_date: date
    value_date: date | None = None
    is_booked: bool = True
    """False where the bank calls it pending: it may still change or vanish."""
    reference: str | None = None
    """The bank's own id of the entry: FITID, AcctSvcrRef, …"""
    end_to_end_id: str | None = None
    counterparty: str | None = None
    description: str = ""
    """All text that may name the payer."""
    type_code: str | None = None
    source_line: int | None = None
    """Where in the file it begins, as far as the format has lines; the first is 1."""


@dataclass
class Statement:
    """One account's statement in a file: its balances, and what its lines add up to."""

    account: str
    currency: str
    opening_minor: int | None = None
    closing_minor: int | None = None
    period_from: date | None = None
    period_through: date | None = None
    lines: int = 0
    """How many entries the file holds for it, also those that could not be read."""
    sum_minor: int = 0
    """What its booked entries add up to."""
    faults: list[str] = field(default_factory=list)
    """What is wrong with it, in words, the first found first."""

    def add(self, line: StatementLine) -> StatementLine:
        """Count an entry that was read."""
        self.lines += 1
        if line.is_booked:
            self.sum_minor += line.amount_minor
        return line

    def add_unreadable(self, fault: str) -> None:
        """Count an entry that could not be read, and why."""
        self.lines += 1
        self.faults.append(fault)

    @property
    def whole(self) -> bool:
        """Whether it adds up, as far as it says what it has to add up to."""
        return self.reason is None

    @property
    def reason(self) -> str | None:
        """Why it is not whole; none if it is."""
        if self.faults:
            more = len(self.faults) - 1
            return self.faults[0] + (f" (and {more} more)" if more else "")
        if self.opening_minor is None or self.closing_minor is None:
            return None
        led_to = self.opening_minor + self.sum_minor
        if led_to == self.closing_minor:
            return None
        return (
            f"the opening balance {self.opening_minor} and the lines {self.sum_minor} make "
            f"{led_to}, but the closing balance is {self.closing_minor} (minor units of "
            f"{self.currency.upper()}): lines are missing, doubled or changed"
        )
