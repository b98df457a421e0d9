"""What a statement holds, whatever the format in which a bank writes it.

Amounts are signed minor units; all currencies here have two decimals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

_CENTS = 100


@dataclass(frozen=True, kw_only=True)
class BankEntry:
    """One entry of an account; what comes in is positive."""

    amount_minor: int
    posted: date
    reference: str
    """The bank's own, unique in the account; at most 16 letters and digits."""
    text: str
    counterparty: str = ""
    """Written where the format has a field for it."""
    end_to_end_id: str | None = None
    """Likewise."""

    @property
    def is_credit(self) -> bool:
        """Whether money comes in."""
        return self.amount_minor > 0


@dataclass(frozen=True, kw_only=True)
class BankStatement:
    """The entries of one account in a period, oldest first."""

    number: str
    """Of the bank account."""
    currency: str
    """ISO 4217, lower case."""
    since: date
    through: date
    """The last day, included."""
    opening_minor: int
    entries: Sequence[BankEntry]

    @property
    def closing_minor(self) -> int:
        """What the account holds at the end of the last day."""
        return self.opening_minor + sum(entry.amount_minor for entry in self.entries)

    def entries_of(self, day: date) -> list[BankEntry]:
        """Return one day's entries."""
        return [entry for entry in self.entries if entry.posted == day]


def decimal_amount(units: int, mark: str = ".") -> str:
    """Return an amount with two decimals; a minus stands before negative ones."""
    sign = "-" if units < 0 else ""
    return f"{sign}{abs(units) // _CENTS}{mark}{abs(units) % _CENTS:02}"
