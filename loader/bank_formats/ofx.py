"""Reads OFX and QFX: version 1 (SGML, tags without ends) and version 2 (XML).

One line per `STMTTRN`, of every bank and credit card account in the file. OFX states a closing
balance only, so a file by itself adds up if it is read to its end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TextIO

from loader.bank_formats.amounts import currency_of, minor_units
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.bank_formats.text import opened

_CHUNK = 1 << 16
_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS"})

# What ends an entry of which the end was left out.
_AFTER_ENTRIES = frozenset(
    {"STMTTRN", "/BANKTRANLIST", "LEDGERBAL", "AVAILBAL", *(f"/{name}" for name in _STATEMENTS)}
)

_APART = re.compile(r"<!--(?P<comment>.*?)-->|<!\[CDATA\[(?P<data>.*?)\]\]>", re.DOTALL)

# No tag with its value is longer than this in any statement.
_LONGEST_ELEMENT = 1 << 20


def read_ofx(path: Path) -> Iterator[StatementLine | Statement]:
    """Yield each statement's lines, then the statement.

    Raises:
        UnreadableStatementError: it is no OFX, or holds what no statement needs.
    """
    with opened(path) as file:
        yield from _read(_elements(_without_comments(file)))


def _read(elements: Iterator[tuple[str, str, int]]) -> Iterator[StatementLine | Statement]:
    reading: _Reading | None = None
    found, is_ended = 0, False
    for tag, value, place in elements:
        if tag in {"OFX", "/OFX"}:  # several files may stand one after another
            is_ended = tag == "/OFX"
        elif tag in _STATEMENTS:
            reading = _Reading()
        elif reading is not None:
            yield from reading.take(tag, value, place)
            if reading.is_closed:
                reading, found = None, found + 1
    if not is_ended:
        yield _cut_short(reading)
    elif not found:
        raise UnreadableStatementError("it is OFX without a bank or card statement")


def _cut_short(reading: _Reading | None) -> Statement:
    """Answer what a file that ends too early holds last."""
    fault = "the file ends before </OFX>: it was cut short"
    if reading is None:
        raise UnreadableStatementError(fault)
    reading.statement.faults.insert(0, fault)
    return reading.statement


class _Reading:
    """One statement while it is read."""

    def __init__(self) -> None:
        self.statement = Statement(account="", currency="")
        self._within: list[str] = []
        self._entry: dict[str, str] | None = None
        self._entry_place = 0
        self.is_closed = False

    def take(self, tag: str, value: str, place: int) -> Iterator[StatementLine | Statement]:
        """Take one element; yield the line and the statement that it ends."""
        if self._entry is not None and (tag == "/STMTTRN" or tag in _AFTER_ENTRIES):
            yield from self._line(self._entry)
            self._entry = None
        if tag.startswith("/") and tag[1:] in _STATEMENTS:
            self.is_closed = True
            yield self.statement
        elif tag == "STMTTRN":
            self._entry, self._entry_place = {}, place
        elif self._entry is not None:
            self._take_of_entry(self._entry, tag, value)
        elif tag in {"LEDGERBAL", "AVAILBAL"}:
            self._within.append(tag)
        elif tag in {"/LEDGERBAL", "/AVAILBAL"}:
            self._within.clear()
        else:
            self._take_of_statement(tag, value)

    def _take_of_entry(self, entry: dict[str, str], tag: str, value: str) -> None:
        if tag in {"PAYEE", "BANKACCTTO", "CCACCTTO", "CURRENCY", "ORIGCURRENCY"}:
            self._within.append(tag)
        elif tag.startswith("/") and self._within and tag[1:] == self._within[-1]:
            self._within.pop()
        elif value and not (self._within and self._within[-1].endswith("TO")):
            entry.setdefault(tag, value)

    def _take_of_statement(self, tag: str, value: str) -> None:
        statement = self.statement
        if not value:
            return
        try:
            match tag:
                case "CURDEF":
                    statement.currency = currency_of(value)
                case "ACCTID":
                    statement.account = statement.account or value
                case "DTSTART":
                    statement.period_from = _date(value)
                case "DTEND":
                    statement.period_through = _date(value)
                case "BALAMT" if self._within == ["LEDGERBAL"]:
                    statement.closing_minor = _amount(value, statement.currency)
        except ValueError as error:
            statement.faults.append(f"{tag}: {error}")

    def _line(self, entry: dict[str, str]) -> Iterator[StatementLine]:
        self._within.clear()
        statement = self.statement
        try:
            if not statement.currency and "CURSYM" in entry:
                statement.currency = currency_of(entry["CURSYM"])
            line = StatementLine(
                account=statement.account,
                currency=statement.currency,
                amount_minor=_amount(entry.get("TRNAMT", ""), statement.currency),
                posted_date=_date(entry.get("DTPOSTED", "")),
                value_date=_date(entry["DTAVAIL"]) if "DTAVAIL" in entry else None,
                reference=entry.get("FITID"),
                counterparty=entry.get("NAME"),
                description=_description(entry),
                type_code=entry.get("TRNTYPE"),
                source_line=self._entry_place,
            )
        except ValueError as error:
            statement.add_unreadable(f"line {self._entry_place}: {error}")
            return
        yield statement.add(line)


def _description(entry: dict[str, str]) -> str:
    parts = (entry.get(name) for name in ("NAME", "EXTDNAME", "MEMO", "CHECKNUM", "REFNUM"))
    return " ".join(dict.fromkeys(part for part in parts if part))


def _amount(text: str, currency: str) -> int:
    """Answer an amount; OFX allows a comma for the decimal mark, and no thousands mark."""
    if "," in text and "." in text:
        decimal, thousands = (",", ".") if text.rfind(",") > text.rfind(".") else (".", ",")
        return minor_units(text, currency, decimal, thousands)
    return minor_units(text, currency, "," if "," in text else ".")


def _date(text: str) -> date:
    """Answer the day of a time as the bank wrote it, in the bank's own time zone."""
    if not re.match(r"\d{8}", text):
        raise ValueError(f"'{text[:40]}' is no date")
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date()
    except ValueError:
        raise ValueError(f"'{text[:40]}' is no date") from None


def _without_comments(file: TextIO) -> Iterator[str]:
    """Yield the text without comments; what CDATA holds is written as plain text."""
    held = ""
    while chunk := file.read(_CHUNK):
        held += chunk
        while found := _APART.search(held):
            comment, data = found["comment"] or "", found["data"] or ""
            # Lines are counted on.
            yield held[: found.start()] + "\n" * comment.count("\n") + html.escape(data)
            held = held[found.end() :]
        begun = held.rfind("<!")
        if begun < 0:
            begun = len(held) - held.endswith("<")
        yield held[:begun]
        held = held[begun:]
        if len(held) > _LONGEST_ELEMENT:
            raise UnreadableStatementError("it holds a comment or a declaration without an end")
    yield held


def _elements(pieces: Iterator[str]) -> Iterator[tuple[str, str, int]]:
    """Yield each tag in upper case with the text after it and the line it stands in."""
    rest, place = "", 1
    for piece in pieces:
        *whole, rest = (rest + piece).split("<")
        for part in whole:
            yield from _element(part, place)
            place += part.count("\n")
        if len(rest) > _LONGEST_ELEMENT:
            raise UnreadableStatementError(f"line {place} holds a value beyond all measure")
    yield from _element(rest, place)


def _element(part: str, place: int) -> Iterator[tuple[str, str, int]]:
    tag, end, value = part.partition(">")
    name = tag.strip().upper()
    if name.startswith("!"):
        raise UnreadableStatementError(
            "it declares a document type or entities, which no bank statement needs"
        )
    if not end:
        return
    if not name.startswith("?"):
        yield name.split()[0] if name else "", html.unescape(value).strip(), place
