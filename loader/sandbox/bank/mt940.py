"""Writes MT940 (SWIFT) with structured texts, cut after 27 characters wherever that is."""

from collections.abc import Iterator
from datetime import date, timedelta

from loader.sandbox.bank.statement import BankEntry, BankStatement, decimal_amount

_SUBFIELD_WIDTH = 27
_PURPOSE = (*range(20, 30), *range(60, 64))
_NAME = (32, 33)


def write_mt940(statement: BankStatement) -> str:
    """Return one statement; it opens with what the day before its period closed with."""
    currency = statement.currency.upper()
    opening = _balance(statement.opening_minor, currency, statement.since - timedelta(days=1))
    closing = _balance(statement.closing_minor, currency, statement.through)
    lines = [
        f":20:{statement.since:%Y%m}",
        f":25:{statement.number}",
        f":28C:{statement.since.month:05}/001",
        f":60F:{opening}",
        *(line for entry in statement.entries for line in _entry(entry)),
        f":62F:{closing}",
        "-",
    ]
    return "".join(f"{line}\n" for line in lines)


def _balance(units: int, currency: str, day: date) -> str:
    return f"{_mark(units)}{day:%y%m%d}{currency}{decimal_amount(abs(units), ',')}"


def _mark(units: int) -> str:
    return "D" if units < 0 else "C"


def _entry(entry: BankEntry) -> Iterator[str]:
    day = f"{entry.posted:%y%m%d}{entry.posted:%m%d}"
    amount = f"{_mark(entry.amount_minor)}{decimal_amount(abs(entry.amount_minor), ',')}"
    yield f":61:{day}{amount}NTRFNONREF//{entry.reference}"
    yield f":86:166?00{'VIREMENT RECU' if entry.is_credit else 'VIREMENT EMIS'}"
    yield from _subfields(_PURPOSE, entry.text)
    yield from _subfields(_NAME, entry.counterparty)


def _subfields(codes: tuple[int, ...], text: str) -> Iterator[str]:
    places = range(0, len(text), _SUBFIELD_WIDTH)
    for code, place in zip(codes, places, strict=False):
        yield f"?{code}{text[place : place + _SUBFIELD_WIDTH]}"
