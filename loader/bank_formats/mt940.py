"""Reads MT940 statements and MT942 reports (SWIFT), with the grammar of the `mt-940` library.

One line per `:61:` with its `:86:`. The file is cut into fields here, so that it streams and no
text is lost; its balances guard what the grammar makes of it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TextIO

from mt940 import tags

from loader.bank_formats.amounts import currency_of, minor_units
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.bank_formats.text import opened

# It logs lines that it can't parse, which are the bank's data; what is wrong is told here.
logging.getLogger("mt940").setLevel(logging.CRITICAL)

# `:NS:` is no field of SWIFT's: some banks put texts there, beside `:86:` or in place of it.
_FIELD = re.compile(r":(\d\d[A-Z]?|NS):(.*)", re.DOTALL)
_TEXTS = frozenset({"86", "NS"})
_OPENINGS = frozenset({"60F", "60M"})
_CLOSINGS = frozenset({"62F", "62M"})

_BALANCE = tags.BalanceBase()
_LINE = tags.Statement()

# Where a new statement begins, whether or not the one before it was closed.
_BEGINNING = "20"

# A turn of the year between value date and entry date.
_HALF_A_YEAR = 180

# Of a `:86:`, by SWIFT's rules.
_LONGEST_LINE = 65

_SUBFIELD = re.compile(r"\?(\d\d)")
_NAME_SUBFIELDS = ("32", "33")
# How many, in which currency, how much.
_TOTAL = re.compile(r"(\d{1,5})([A-Z]{3})(\d+,\d*)")

# What banks make of a balance and of an entry: up to the amount, the amount, and what follows. Some
# add the time of booking to its day; `EC` and `ED` are expected.
_BALANCE_PARTS = re.compile(r"([DC]\d{6}[A-Za-z]{3})([\d.,]+)")
_ENTRY_PARTS = re.compile(
    r"(\d{6}(?:\d{4}|\s{4})?)(?:\d{6})?(E?)(R?[DC][A-Z]?)\s?([\d.,]+)(.*)", re.DOTALL
)
# An amount from which on entries are listed, above zero.
_FLOOR = re.compile(r"[A-Z]{3}[DC]?[0,]*[1-9]")

_CODE_WORD = re.compile(r"/(EREF|REMI|NAME|ORDP|BENM|MARF|PREF)/")


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
    for tag, value, place in _fields(file):
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
            found = _parsed_balance(value)
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
            day: date | None = _day(found["year"], found["month"], found["day"])
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
    found = _parsed_entry(entry)
    value_date = _day(found["year"], found["month"], found["day"])
    units = minor_units(str(found["amount"]), statement.currency, ",")
    customer_reference, bank_reference = _references(found)
    joined = _joined(text)
    said = map(_said, (customer_reference, *supplements))
    return StatementLine(
        account=statement.account,
        currency=statement.currency,
        # RC takes a credit back, RD a debit.
        amount_minor=units if found["status"] in {"C", "RD"} else -units,
        posted_date=_entry_date(found, value_date),
        value_date=value_date,
        is_booked=not found["is_expected"],
        reference=_said(bank_reference),
        end_to_end_id=_code_word(joined, "EREF"),
        counterparty=_name(text) or _code_word(joined, "NAME"),
        description=" ".join(part for part in (*said, joined) if part),
        type_code=_said(found.get("id")),
        source_line=place,
    )


def _references(found: dict[str, Any]) -> tuple[str, str]:
    """Answer the customer's and the bank's reference, whole: some are longer than SWIFT allows."""
    customer, bank, more = (
        str(found.get(name) or "")
        for name in ("customer_reference", "bank_reference", "extra_details")
    )
    if bank:
        return customer, bank + more
    customer, _, bank = (customer + more).partition("//")
    return customer, bank


def _parsed_balance(value: str) -> dict[str, Any]:
    parts = _BALANCE_PARTS.match(value)
    if parts is None:
        raise _unlike_swift(value)
    amount = _with_comma(parts[2])
    return _parsed(_BALANCE, parts[1] + amount) | {"amount": amount}


def _parsed_entry(value: str) -> dict[str, Any]:
    parts = _ENTRY_PARTS.match(value)
    if parts is None:
        raise _unlike_swift(value)
    days, expected, mark, amount, rest = parts.groups()
    found = _parsed(_LINE, days + mark + _with_comma(amount) + rest)
    return found | {"is_expected": bool(expected)}


def _with_comma(amount: str) -> str:
    """Answer an amount with a comma for its decimal mark, which is the last mark there is.

    Raises:
        ValueError: it may as well be the mark of thousands.
    """
    decimal = max(amount.rfind(","), amount.rfind("."))
    if decimal < 0:
        return amount
    if "," not in amount and len(amount) - decimal == len(".000"):
        raise ValueError(f"'{amount[:40]}' may be thousands as well as decimals")
    whole = re.sub("[.,]", "", amount[:decimal]).lstrip("0")
    return f"{whole or '0'},{amount[decimal + 1 :]}"


def _parsed(tag: tags.Tag, value: str) -> dict[str, Any]:
    try:
        return dict(tag.parse(None, value))  # type: ignore[arg-type]  # it takes no notice of it
    except RuntimeError:
        raise _unlike_swift(value) from None


def _unlike_swift(value: str) -> ValueError:
    return ValueError(f"'{value[:60]}' is not what SWIFT's format says")


def _day(year: object, month: object, day: object) -> date:
    try:
        return date(2000 + int(str(year)), int(str(month)), int(str(day)))
    except ValueError:
        raise ValueError(f"'{year}{month}{day}' is no date") from None


def _entry_date(found: dict[str, Any], value_date: date) -> date:
    """Answer the day of booking, which is written without its year."""
    month, day = str(found.get("entry_month") or ""), str(found.get("entry_day") or "")
    if not (month.isdigit() and day.isdigit()):
        return value_date
    booked = _day(value_date.year - 2000, month, day)
    apart = (booked - value_date).days
    if abs(apart) > _HALF_A_YEAR:
        booked = booked.replace(year=booked.year + (-1 if apart > 0 else 1))
    return booked


def _joined(text: str) -> str:
    """Answer all text of a `:86:` as one; names that wrapped are whole again."""
    if not _SUBFIELD.search(text):
        return " ".join(_unbroken(text).split())
    plain = text.replace("\n", "")
    pieces = _SUBFIELD.split(plain)
    subfields = list(zip(pieces[1::2], pieces[2::2], strict=False))
    name = "".join(value for code, value in subfields if code in _NAME_SUBFIELDS)
    purpose = "".join(value for code, value in subfields if "20" <= code <= "29")
    more = "".join(value for code, value in subfields if "60" <= code <= "63")
    others = [
        value
        for code, value in subfields
        if code not in _NAME_SUBFIELDS and not "20" <= code <= "29" and not "60" <= code <= "63"
    ]
    return " ".join(" ".join(part for part in (purpose + more, name, *others) if part).split())


def _unbroken(text: str) -> str:
    """Answer lines as one text: a full line was cut anywhere, a shorter one where a word ends."""
    first, *others = text.split("\n")
    whole, last = first, first
    for line in others:
        whole += line if len(last) >= _LONGEST_LINE else f" {line}"
        last = line
    return whole


def _name(text: str) -> str | None:
    pieces = _SUBFIELD.split(text.replace("\n", ""))
    subfields = zip(pieces[1::2], pieces[2::2], strict=False)
    return _said("".join(value for code, value in subfields if code in _NAME_SUBFIELDS))


def _code_word(text: str, word: str) -> str | None:
    """Answer what follows a code word such as `/EREF/`, up to the next one."""
    _, found, rest = text.partition(f"/{word}/")
    value = _CODE_WORD.split(rest, maxsplit=1)[0].strip(" /") if found else ""
    return None if value.upper() == "NOTPROVIDED" else value or None


def _said(text: object) -> str | None:
    value = " ".join(str(text or "").split())
    return value or None


def _fields(file: TextIO) -> Iterator[tuple[str, str, int]]:
    """Yield each field's tag and value with the line it begins in; SWIFT's envelope is left out."""
    tag, value, begun = "", "", 0
    for place, physical in enumerate(file, start=1):
        text = _unwrapped(physical.rstrip("\r\n"))
        found = _FIELD.match(text)
        if found:
            if tag:
                yield tag, value, begun
            tag, value, begun = found[1], found[2], place
        elif tag and text.strip() not in {"", "-", "-}"}:
            value += "\n" + text
    if tag:
        yield tag, value, begun


def _unwrapped(text: str) -> str:
    """Answer a line without the headers of a SWIFT message before its first field."""
    if text.startswith("{"):
        return text.rpartition("{4:")[2] if "{4:" in text else ""
    return text.removesuffix("-}") if text.startswith("-}") else text
