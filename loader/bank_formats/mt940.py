"""Reads MT940 statements and MT942 reports (SWIFT): one line per `:61:` with its `:86:`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TextIO

from loader.bank_formats.amounts import currency_of, minor_units
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.bank_formats.swift_fields import (
    date_of,
    entry_date,
    fields,
    parsed_balance,
    parsed_entry,
    references,
)
from loader.bank_formats.swift_texts import code_word, counterparty_of, one_text, said_or_none
from loader.bank_formats.text import opened

# `:NS:` is no field of SWIFT's: some banks put texts there, beside `:86:` or in place of it.
_TEXTS = frozenset({"86", "NS"})
_OPENINGS = frozenset({"60F", "60M"})
_CLOSINGS = frozenset({"62F", "62M"})

# Where a new statement begins, whether or not the one before it was closed.
_BEGINNING = "20"

# How many, in which currency, how much.
_TOTAL = re.compile(r"(\d{1,5})([A-Z]{3})(\d+,\d*)")
# An amount from which on entries are listed, above zero.
_FLOOR = re.compile(r"[A-Z]{3}[DC]?[0,]*[1-9]")


def read_mt940(path: Path) -> Iterator[StatementLine | Statement]:
    """Yield each statement's lines, then the statement.

    Raises:
        UnreadableStatementError: it is no MT940.
    """
    with opened(path) as file:
        yield from _read(file)


def _read(file: TextIO) -> Iterator[StatementLine | Statement]:
    reading: _Reading | None = None
    found = 0
    for tag, value, place in fields(file):
        if tag == _BEGINNING:
            if reading is not None and reading.is_begun:
                yield from reading.ended()
                found += 1
            reading = _Reading()
        if reading is not None:
            yield from reading.take(tag, value, place)
    if reading is not None and reading.is_begun:
        yield from reading.ended()
        found += 1
    if not found:
        raise UnreadableStatementError("it is MT940 without a statement")


class _Reading:
    """One statement while it is read."""

    def __init__(self) -> None:
        self._statement = Statement(account="", currency="")
        self._entry: tuple[str, int] | None = None
        self._text = ""
        self._is_report = False
        self._has_floor = False
        self._first_posted: date | None = None
        self._counted = {"C": (0, 0), "D": (0, 0)}
        self._stated: list[tuple[str, int, str, int]] = []
        self.is_begun = False
        """Whether it has an account: a message without one is no statement."""

    def take(self, tag: str, value: str, place: int) -> Iterator[StatementLine]:
        """Take a field; yield the line that it ends."""
        if tag in _TEXTS and self._entry is not None:
            self._text = f"{self._text}\n{value}" if self._text else value
            return
        yield from self._line()
        if tag.startswith("25"):
            # Of `:25P:`, the bank follows in a line of its own.
            self._statement.account = value.strip().split("\n")[0]
            self.is_begun = True
        elif tag in {"34", "34F"}:
            self._is_report = True
            self._has_floor |= _FLOOR.match(value) is not None
            self._take_currency(value)
        elif tag in _OPENINGS | _CLOSINGS:
            self._take_balance(tag, value, place)
        elif tag in {"90C", "90D"}:
            self._take_total(tag[-1], value, place)
        elif tag == "61":
            self._entry = (value, place)

    def ended(self) -> Iterator[StatementLine | Statement]:
        """Yield the last line and the statement."""
        yield from self._line()
        statement = self._statement
        if statement.closing_minor is None and not self._is_report:
            statement.faults.append("it has no closing balance (:62F:): it was cut short")
        self._set_period()
        # Below a floor, entries may be in the totals that are not listed.
        for side, count, amount, place in self._stated if not self._has_floor else ():
            self._hold_total(side, count, amount, place)
        yield statement

    def _take_total(self, side: str, value: str, place: int) -> None:
        """Note how many credits or debits there should be, and what they add up to."""
        found = _TOTAL.fullmatch(value.strip())
        if found is None:
            self._statement.faults.append(f"line {place}, :90{side}: '{value[:60]}' is no total")
            return
        self._take_currency(found[2])
        self._stated.append((side, int(found[1]), found[3], place))

    def _hold_total(self, side: str, count: int, amount: str, place: int) -> None:
        counted = self._counted[side]
        stated = (count, minor_units(amount, self._statement.currency, ","))
        if counted != stated:
            self._statement.faults.append(
                f"line {place}, :90{side}: it says {stated[0]} entries of {stated[1]} in all, and "
                f"holds {counted[0]} of {counted[1]} (minor units)"
            )

    def _set_period(self) -> None:
        """Begin on the day after the opening balance, which was the closing one of that day.

        Some banks date it on the first day of the statement: then its first line says so.
        """
        statement = self._statement
        opened, closed = statement.period_from, statement.period_through
        if opened is not None and closed is not None and opened < closed:
            statement.period_from = min(opened + timedelta(days=1), self._first_posted or closed)

    def _take_currency(self, value: str) -> None:
        if not self._statement.currency and re.match(r"[A-Z]{3}", value):
            self._statement.currency = currency_of(value[:3])

    def _take_balance(self, tag: str, value: str, place: int) -> None:
        statement = self._statement
        try:
            found = parsed_balance(value)
            currency = currency_of(str(found["currency"]))
            if statement.currency and currency != statement.currency:
                raise ValueError(
                    f"it is in {currency.upper()}, and the statement in "
                    f"{statement.currency.upper()}"
                )
            statement.currency = currency
            units = minor_units(str(found["amount"]), currency, ",")
            units = -units if found["status"] == "D" else units
        except ValueError as error:
            statement.faults.append(f"line {place}, :{tag}: {error}")
            return
        try:
            day: date | None = date_of(found["year"], found["month"], found["day"])
        except ValueError:  # some banks write zeros before the first statement
            day = None
        if tag in _OPENINGS:
            statement.opening_minor, statement.period_from = units, day
        else:
            statement.closing_minor, statement.period_through = units, day

    def _line(self) -> Iterator[StatementLine]:
        if self._entry is None:
            return
        (value, place), text = self._entry, self._text
        self._entry, self._text = None, ""
        try:
            line = _line(self._statement, value, text, place)
        except ValueError as error:
            self._statement.add_unreadable(f"line {place}, :61: {error}")
            return
        self._first_posted = min(self._first_posted or line.posted_date, line.posted_date)
        side = "C" if line.amount_minor > 0 else "D"
        count, units = self._counted[side]
        self._counted[side] = (count + 1, units + abs(line.amount_minor))
        yield self._statement.add(line)


def _line(statement: Statement, value: str, text: str, place: int) -> StatementLine:
    entry, *supplements = value.split("\n")
    found = parsed_entry(entry)
    value_date = date_of(found["year"], found["month"], found["day"])
    units = minor_units(str(found["amount"]), statement.currency, ",")
    customer_reference, bank_reference = references(found)
    joined = one_text(text)
    said = map(said_or_none, (customer_reference, *supplements))
    return StatementLine(
        account=statement.account,
        currency=statement.currency,
        # RC takes a credit back, RD a debit.
        amount_minor=units if found["status"] in {"C", "RD"} else -units,
        posted_date=entry_date(found, value_date),
        value_date=value_date,
        is_booked=not found["is_expected"],
        reference=said_or_none(bank_reference),
        end_to_end_id=code_word(joined, "EREF"),
        counterparty=counterparty_of(text) or code_word(joined, "NAME"),
        description=" ".join(part for part in (*said, joined) if part),
        type_code=said_or_none(found.get("id")),
        source_line=place,
    )
