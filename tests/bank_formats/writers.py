"""What other tests' statements are made of: entries of an account in euro."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

OPENING = 123_45


@dataclass(frozen=True)
class Entry:
    """One entry of an account in euro."""

    amount_minor: int
    posted: date
    reference: str
    text: str


def decimal(units: int, mark: str = ".") -> str:
    sign = "-" if units < 0 else ""
    return f"{sign}{abs(units) // 100}{mark}{abs(units) % 100:02}"


PROFILE = """
account: "1"
currency: EUR
date_format: "%d/%m/%Y"
columns: {posted_date: Day, amount: Amount, balance: Balance, reference: Ref, description: [Text]}
"""
