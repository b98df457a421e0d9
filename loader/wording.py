"""How amounts and statuses are written for people."""

from __future__ import annotations

from decimal import Decimal


def money(minor: int | None, exponent: int) -> str:
    """Answer an amount in major units with its currency's decimals; nothing for none."""
    if minor is None:
        return ""
    return f"{Decimal(minor).scaleb(-exponent):,.{exponent}f}"


def words(status: str | None) -> str:
    """Answer a status as people read it."""
    return (status or "").replace("_", " ")
