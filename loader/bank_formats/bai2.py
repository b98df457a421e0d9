"""Reads BAI2, the cash management format of US banks.

One line per transaction record (16), text in continuation records (88) included. Amounts are in
minor units of the currency, of which trailers 49, 98 and 99 hold control totals and counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TextIO

from loader.bank_formats.amounts import currency_of, minor_units_of_count
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.bank_formats.text import opened

_DEFAULT_CURRENCY = "usd"
_OPENING_LEDGER, _CLOSING_LEDGER = "010", "015"

# Type codes by what they do to the account: the second ranges are of loans (payments, and what is
# paid out), the last ones are for banks' own codes.
_CREDITS = (range(100, 400), range(721, 729), range(920, 960))
_DEBITS = (range(400, 700), range(760, 761), range(960, 1000))

# 890 carries text, no money.
_TEXT_ALONE = "890"

# How many fields follow the funds type: amounts by day, or the day and time of availability.
_FIELDS_OF_FUNDS_TYPE = {"S": 3, "V": 2}
_FUNDS_BY_DAYS = "D"


_CODES = frozenset({"01", "02", "03", "16", "49", "98", "99"})

# Where a record ends and the next one begins on the same line: after a slash, by its first fields.
_NEXT_RECORD = re.compile(
    r"/[ \t]+(?=16,\d{3},|49,[+-]?\d*,\d|98,[+-]?\d*,\d|99,[+-]?\d*,\d|88,|"
    r"03,[^,/]*,[A-Za-z]{0,3},|02,[^,/]*,[^,/]*,\d?,\d{6},)"
)


def read_bai2(path: Path) -> Iterator[StatementLine | Statement]:
    """Yield each account's lines, then its statement.

    Raises:
        UnreadableStatementError: it is no BAI2.
    """
    with opened(path) as file:
        yield from _read(file)


@dataclass
class _Record:
    """A record with its continuations."""

    code: str
    place: int
    text: str
    continuations: list[str] = field(default_factory=list)

    strays: int = 0
    """How many of its continuations are lines without a code, which no trailer counts."""

    def add_text(self, text: str, *, is_record: bool) -> None:
        """Add a line that has no proper code of its own."""
        self.continuations.append(text)
        self.strays += not is_record

    @property
    def physical_records(self) -> int:
        """How many records trailers count it for."""
        return 1 + len(self.continuations) - self.strays


def _read(file: TextIO) -> Iterator[StatementLine | Statement]:
    reading = _Reading()
    for record in _records(file):
        line = reading.take(record)
        if line is not None:
            yield line
    yield from reading.ended()


class _Reading:
    """A file while it is read. Statements wait for its trailer, which tells whether it is whole."""

    def __init__(self) -> None:
        self._group = _Group()
        self._account: _Account | None = None
        self._statements: list[Statement] = []
        self._totals = _Totals()
        self._is_ended = False

    def take(self, record: _Record) -> StatementLine | None:
        """Take a record; answer the line that it is."""
        self._totals.count(record)
        if record.code == "16":
            return self._account.line(record) if self._account else None
        match record.code:
            case "01":
                self._is_ended = False
            case "02":
                self._group = _Group.of(record)
            case "03":
                self._account = _Account(record, self._group)
            case "49" if self._account is not None:
                self._statements.append(self._account.closed(record))
                self._totals.add_account(record)
                self._account = None
            case "98":
                self._totals.close_group(record, self._statements)
            case "99":
                self._totals.close_file(record, self._statements)
                self._is_ended = True
        return None

    def ended(self) -> list[Statement]:
        """Answer all statements, once the file is at its end."""
        if self._account is not None:
            self._statements.append(self._account.statement)
        if not self._statements:
            raise UnreadableStatementError("it is BAI2 without an account")
        if self._account is not None or not self._is_ended:
            fault = "the file ends before its trailer (99): it was cut short"
            self._statements[-1].faults.insert(0, fault)
        return self._statements


def _records(file: TextIO) -> Iterator[_Record]:
    """Yield records with their continuations.

    Some banks put several records on a line, or break a text over lines without a code.
    """
    record: _Record | None = None
    for place, physical in enumerate(file, start=1):
        for text in filter(None, map(str.strip, _NEXT_RECORD.split(physical))):
            code, _, rest = text.partition(",")
            if code == "88" and record is not None:
                record.continuations.append(rest)
            elif code in _CODES:
                if record is not None:
                    yield record
                record = _Record(code, place, rest)
            elif record is not None:
                record.add_text(text.removeprefix("88:"), is_record=text.startswith("88:"))
    if record is not None:
        yield record


@dataclass(frozen=True)
class _Group:
    """What a group says of its accounts."""

    day: date | None = None
    currency: str = _DEFAULT_CURRENCY
    fault: str | None = None

    @classmethod
    def of(cls, record: _Record) -> _Group:
        fields = [*_ended(record.text).split(","), *[""] * 7]
        try:
            currency = currency_of(fields[5]) if fields[5].strip() else _DEFAULT_CURRENCY
            return cls(_day(fields[3]), currency)
        except ValueError as error:
            return cls(fault=f"line {record.place}: {error}")


class _Account:
    """One account while it is read."""

    def __init__(self, record: _Record, group: _Group) -> None:
        fields = [*_ended(record.text).split(","), ""]
        self._group = group
        self.statement = Statement(account=fields[0].strip(), currency=group.currency)
        self.statement.period_from = self.statement.period_through = group.day
        self._control = 0
        self._records = record.physical_records
        if group.fault:
            self.statement.faults.append(group.fault)
        try:
            if fields[1].strip():
                self.statement.currency = currency_of(fields[1])
            for part in _summaries(record):
                self._take_summaries(part)
        except (ValueError, IndexError) as error:
            self.statement.faults.append(f"line {record.place}: {error}")

    def _take_summaries(self, fields: list[str]) -> None:
        """Take the balances and totals: type, amount, item count, funds type, again and again."""
        place = 0
        while place + 1 < len(fields):
            code, amount = fields[place].strip(), fields[place + 1].strip()
            place += 3
            place += 1 + _funds_fields(fields[place:])
            if not code or not amount:
                continue
            units = minor_units_of_count(amount, self.statement.currency)
            self._control += int(amount)
            if code == _OPENING_LEDGER:
                self.statement.opening_minor = units
            elif code == _CLOSING_LEDGER:
                self.statement.closing_minor = units

    def line(self, record: _Record) -> StatementLine | None:
        """Take a transaction; answer its line, if it moves money."""
        self._records += record.physical_records
        statement = self.statement
        try:
            code, amount, reference, text = _transaction(record)
            units = minor_units_of_count(amount or "0", statement.currency)
            self._control += int(amount or "0")
            if self._group.day is None:
                raise ValueError("its group has no date")
            line = StatementLine(
                account=statement.account,
                currency=statement.currency,
                amount_minor=units * _direction(code),
                posted_date=self._group.day,
                reference=reference or None,
                description=text,
                type_code=code,
                source_line=record.place,
            )
        except (ValueError, IndexError) as error:
            statement.add_unreadable(f"line {record.place}: {error}")
            return None
        return statement.add(line)

    def closed(self, record: _Record) -> Statement:
        """Hold the account against its trailer."""
        total, records = _trailer(record)[:2]
        self._records += record.physical_records
        if total is not None and total != self._control:
            self.statement.faults.append(
                f"the amounts of the account add up to {self._control}, and its trailer "
                f"(line {record.place}) says {total}"
            )
        if records is not None and records != self._records:
            self.statement.faults.append(
                f"the account has {self._records} records, and its trailer (line {record.place}) "
                f"says {records}"
            )
        return self.statement


class _Totals:
    """What the trailers of groups and of the file are held against."""

    def __init__(self) -> None:
        self._group_sum = self._group_accounts = self._group_records = 0
        self._file_sum = self._file_groups = self._file_records = 0

    def count(self, record: _Record) -> None:
        if record.code == "01":  # several files may stand one after another
            self._file_sum = self._file_groups = self._file_records = 0
        if record.code == "02":
            self._group_sum = self._group_accounts = self._group_records = 0
        self._group_records += record.physical_records
        self._file_records += record.physical_records

    def add_account(self, record: _Record) -> None:
        self._group_sum += _trailer(record)[0] or 0
        self._group_accounts += 1

    def close_group(self, record: _Record, statements: list[Statement]) -> None:
        counted = (self._group_sum, self._group_accounts, self._group_records)
        _compare("group", record, counted, statements)
        self._file_sum += _trailer(record)[0] or 0
        self._file_groups += 1

    def close_file(self, record: _Record, statements: list[Statement]) -> None:
        counted = (self._file_sum, self._file_groups, self._file_records)
        _compare("file", record, counted, statements)


def _compare(
    what: str, record: _Record, counted: tuple[int, int, int], statements: list[Statement]
) -> None:
    names = ("total", "number of parts", "number of records")
    for name, ours, stated in zip(names, counted, _trailer(record), strict=False):
        if stated is not None and stated != ours and statements:
            statements[-1].faults.append(
                f"the {name} of the {what} is {ours}, and its trailer (line {record.place}) "
                f"says {stated}"
            )


def _trailer(record: _Record) -> list[int | None]:
    fields = [*_ended(record.text).split(","), "", "", ""][:3]
    return [int(text) if re.fullmatch(r"[+-]?\d+", text.strip()) else None for text in fields]


def _transaction(record: _Record) -> tuple[str, str, str, str]:
    """Answer type code, amount, the bank's reference and all text of a transaction record."""
    fields, texts = _fields_and_texts(record)
    code, amount = fields[0].strip(), fields[1].strip() if len(fields) > 1 else ""
    if not re.fullmatch(r"\d{3}", code):
        raise ValueError(f"'{code[:20]}' is no type code")
    after = 3 + _funds_fields(fields[2:])
    bank, customer = [*fields[after : after + 2], "", ""][:2]
    texts = [",".join(fields[after + 2 :]), *texts]
    parts = (part.strip() for part in (*texts, bank, customer))
    return code, amount, bank.strip(), " ".join(part for part in parts if part)


def _fields_and_texts(record: _Record) -> tuple[list[str], list[str]]:
    """Answer a transaction's fields, and its continuations, which are text.

    Where the record ends before its amounts do, they go on in the first continuations.
    """
    fields, texts = _ended(record.text).split(","), [*map(_ended, record.continuations)]
    while texts and not _has_amounts(fields):
        fields += texts.pop(0).split(",")
    return fields, texts


def _has_amounts(fields: list[str]) -> bool:
    if len(fields) < len(("type", "amount")):
        return False
    try:
        return len(fields[3:]) >= _funds_fields(fields[2:])
    except IndexError:  # by how many days, is in the next record
        return False


def _direction(code: str) -> int:
    if code == _TEXT_ALONE:
        return 0
    if any(int(code) in codes for codes in _CREDITS):
        return 1
    if any(int(code) in codes for codes in _DEBITS):
        return -1
    raise ValueError(f"type code {code} is neither a credit nor a debit")


def _funds_fields(fields: list[str]) -> int:
    """Answer how many fields follow a funds type, which is the first of the given ones."""
    kind = fields[0].strip().upper() if fields else ""
    if kind == _FUNDS_BY_DAYS:
        return 1 + 2 * int(fields[1])
    return _FIELDS_OF_FUNDS_TYPE.get(kind, 0)


def _summaries(record: _Record) -> list[list[str]]:
    """Answer the fields of an account's balances and totals, in parts that can be read alone.

    Banks begin a continuation with a type code, mostly; some go on in the middle of an item.
    """
    first = _ended(record.text).split(",")[2:]
    parts = [first, *(_ended(text).split(",") for text in record.continuations)]
    parts = [part for part in parts if any(field.strip() for field in part)]
    if all(re.fullmatch(r"\d{3}", part[0].strip()) for part in parts):
        return parts
    return [[field for part in parts for field in part]]


def _ended(text: str) -> str:
    return text.strip().removesuffix("/")


def _day(text: str) -> date:
    """Answer a date of the form YYMMDD."""
    try:
        return datetime.strptime(text.strip(), "%y%m%d").date()
    except ValueError:
        raise ValueError(f"'{text[:20]}' is no date") from None
