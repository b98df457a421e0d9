"""Reads bank CSV by a profile, a YAML file that says what each column means.

Nothing is guessed: how dates, decimals and signs are written is what the profile says. Guessing has
read 01/09 as 1 September until a 13th came, and then as 9 January.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from loader.bank_formats.amounts import currency_of, minor_units
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.bank_formats.text import opened

_WITHOUT_CURRENCY_SIGNS = str.maketrans("", "", "$€£¥")

# No bank writes more into a cell; a file that does is not read on.
_LONGEST_CELL = 1 << 17


class Columns(BaseModel):
    """Names of columns, as the header has them."""

    model_config = ConfigDict(extra="forbid")

    posted_date: str
    amount: str | None = None
    credit: str | None = None
    debit: str | None = None
    direction: str | None = None
    value_date: str | None = None
    description: list[str] = Field(default_factory=list)
    counterparty: str | None = None
    reference: str | None = None
    end_to_end_id: str | None = None
    balance: str | None = None
    currency: str | None = None
    account: str | None = None
    status: str | None = None
    type: str | None = None

    @model_validator(mode="after")
    def _amounts_are_said(self) -> Columns:
        if (self.amount is None) == (self.credit is None and self.debit is None):
            raise ValueError("columns needs either amount, or credit and debit")
        return self

    @property
    def named(self) -> set[str]:
        """All columns that have to be there."""
        single = self.model_dump(exclude={"description"}, exclude_none=True)
        return {*single.values(), *self.description}


class CsvProfile(BaseModel):
    """How one bank writes its CSV."""

    model_config = ConfigDict(extra="forbid")

    columns: Columns
    date_format: str
    """As `strptime` takes it: `%m/%d/%Y`."""
    account: str | None = None
    """The account's name, where no column has it."""
    currency: str | None = None
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str | None = None
    """None: UTF-8, else what Windows writes."""
    skip_rows: int = 0
    """How many lines stand before the header."""
    header: list[str] | None = None
    """What the columns are called, in order, where the file does not say."""
    decimal_mark: Literal[".", ","] = "."
    thousands_mark: str = ""
    sign: Literal["as_written", "inverted"] = "as_written"
    """Whether money that comes in is written without a minus."""
    debit_words: list[str] = Field(default_factory=lambda: ["D", "DR", "DEBIT", "S", "Af"])
    """What column `direction` says of money that goes out."""
    booked_words: list[str] = Field(default_factory=list)
    """What column `status` says of entries that are final; none: all are."""
    pending_without_balance: bool = False
    """Whether entries are pending that have no running balance yet."""
    newest_first: bool | None = None
    """In which order a running balance is to be followed; none: found out by the balances."""

    @model_validator(mode="after")
    def _account_and_currency_are_said(self) -> CsvProfile:
        for name in ("account", "currency"):
            if getattr(self, name) is None and getattr(self.columns, name) is None:
                raise ValueError(f"say the {name}, or the column that has it")
        if self.pending_without_balance and self.columns.balance is None:
            raise ValueError("pending_without_balance needs columns.balance")
        return self

    def fits(self, path: Path) -> bool:
        """Tell whether a file has a header with all the columns, or a first row that fits."""
        try:
            with opened(path, self.encoding) as file:
                return self._fits(next(self._rows(file), (0, []))[1])
        except (UnreadableStatementError, csv.Error):
            return False

    def _fits(self, first_row: list[str]) -> bool:
        if self.header is None:
            return self.columns.named <= set(first_row)
        cells = dict(zip(self.header, first_row, strict=False))
        try:
            self._date(cells.get(self.columns.posted_date, ""))
        except ValueError:
            return False
        return len(first_row) == len(self.header)

    def _rows(self, file: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        for _ in range(self.skip_rows):
            next(file, None)
        reader = csv.reader(file, delimiter=self.delimiter, strict=True)
        for row in reader:
            if any(cell.strip() for cell in row):
                yield self.skip_rows + reader.line_num, [cell.strip() for cell in row]

    def read(self, path: Path) -> Iterator[StatementLine | Statement]:
        """Yield the lines of all accounts, then each account's statement.

        Raises:
            UnreadableStatementError: it is no CSV, or lacks a column.
        """
        csv.field_size_limit(_LONGEST_CELL)
        try:
            with opened(path, self.encoding) as file:
                yield from self._read(file)
        except csv.Error as error:
            raise UnreadableStatementError(f"it is no CSV: {error}") from None

    def _read(self, file: Iterator[str]) -> Iterator[StatementLine | Statement]:
        rows = self._rows(file)
        header = self.header or next(rows, (0, []))[1]
        missing = sorted(self.columns.named - set(header))
        if missing:
            raise UnreadableStatementError(f"it has no column {', '.join(missing)}")
        accounts: dict[tuple[str, str], _Account] = {}
        for place, row in rows:
            cells = dict(zip(header, row, strict=False))
            name = self.cell(cells, self.columns.account) or self.account or ""
            code = self.cell(cells, self.columns.currency) or self.currency or ""
            account = accounts.setdefault((name, code), _Account(name, code))
            line = account.take(self, cells, place, is_short=len(row) < len(header))
            if line is not None:
                yield line
        if not accounts:
            accounts["", ""] = _Account(self.account or "", self.currency or "")
        for account in accounts.values():
            yield account.closed(newest_first=self.newest_first)

    def line(self, statement: Statement, cells: dict[str, str], place: int) -> StatementLine:
        """Answer the line of a row.

        Raises:
            ValueError: a cell is not what the profile says.
        """
        columns = self.columns
        value_date = self.cell(cells, columns.value_date)
        description = [cells[name] for name in columns.description if cells.get(name)]
        return StatementLine(
            account=statement.account,
            currency=statement.currency,
            amount_minor=self._amount(cells, statement.currency),
            posted_date=self._date(cells[columns.posted_date]),
            value_date=self._date(value_date) if value_date else None,
            is_booked=self._is_booked(cells),
            reference=self.cell(cells, columns.reference),
            end_to_end_id=self.cell(cells, columns.end_to_end_id),
            counterparty=self.cell(cells, columns.counterparty),
            description=" ".join(description),
            type_code=self.cell(cells, columns.type),
            source_line=place,
        )

    def money(self, text: str, currency: str) -> int:
        """Answer an amount as the profile says it is written, a currency's sign left out."""
        plain = text.translate(_WITHOUT_CURRENCY_SIGNS)
        return minor_units(plain, currency, self.decimal_mark, self.thousands_mark)

    def is_balance_alone(self, cells: dict[str, str]) -> bool:
        """Tell whether a row states a balance and no amount: what some banks begin with."""
        columns = self.columns
        amounts = (columns.amount, columns.credit, columns.debit)
        has_amount = any(self.cell(cells, name) for name in amounts)
        return not has_amount and self.cell(cells, columns.balance) is not None

    def _is_booked(self, cells: dict[str, str]) -> bool:
        if self.pending_without_balance and self.cell(cells, self.columns.balance) is None:
            return False
        status = self.cell(cells, self.columns.status)
        return not self.booked_words or status in self.booked_words

    def _amount(self, cells: dict[str, str], currency: str) -> int:
        columns = self.columns
        if columns.amount is not None:
            units = self.money(cells[columns.amount], currency)
            direction = self.cell(cells, columns.direction)
            if direction is not None and direction.upper() in map(str.upper, self.debit_words):
                units = -abs(units)
        else:
            texts = (self.cell(cells, name) for name in (columns.credit, columns.debit))
            credit, debit = (self.money(text, currency) if text else None for text in texts)
            if credit is not None and debit is not None:  # some banks write zeros on the other side
                credit, debit = credit or None, debit or None
            if (credit is None) == (debit is None):
                raise ValueError("it has to have either a credit or a debit")
            units = credit if credit is not None else -abs(debit or 0)
        return -units if self.sign == "inverted" else units

    def _date(self, text: str) -> date:
        try:
            return datetime.strptime(text, self.date_format).date()
        except ValueError:
            raise ValueError(f"'{text[:40]}' is no date of the form {self.date_format}") from None

    @staticmethod
    def cell(cells: dict[str, str], name: str | None) -> str | None:
        """Answer a cell; none if the profile names no such column, or the cell is empty."""
        return (cells.get(name) or None) if name is not None else None


class _Account:
    """One account of a file, with its running balance where there is one."""

    def __init__(self, name: str, currency: str) -> None:
        self._statement = Statement(account=name, currency=currency.lower())
        try:
            self._statement.currency = currency_of(currency)
        except ValueError as error:
            self._statement.faults.append(str(error))
        self._first: tuple[int, int] | None = None
        self._last: tuple[int, int] | None = None
        self._breaks: dict[bool, int | None] = {True: None, False: None}

    def take(
        self, profile: CsvProfile, cells: dict[str, str], place: int, *, is_short: bool
    ) -> StatementLine | None:
        """Take a row; answer its line, if it is one."""
        statement = self._statement
        try:
            if is_short:
                raise ValueError("it has fewer cells than the header")
            if profile.is_balance_alone(cells):
                self._follow(profile, cells, 0, place)
                return None
            line = profile.line(statement, cells, place)
            if line.is_booked:
                self._follow(profile, cells, line.amount_minor, place)
        except ValueError as error:
            statement.add_unreadable(f"line {place}: {error}")
            return None
        for name, choose in (("period_from", min), ("period_through", max)):
            known = getattr(statement, name) or line.posted_date
            setattr(statement, name, choose(known, line.posted_date))
        return statement.add(line)

    def closed(self, *, newest_first: bool | None) -> Statement:
        """Hold the lines against the running balance, in the order in which it runs."""
        statement = self._statement
        if self._first is None or self._last is None:
            return statement
        broken_forward, broken_back = self._breaks[False], self._breaks[True]
        if newest_first is None:
            newest_first = broken_forward is not None and (
                broken_back is None or broken_back > broken_forward
            )
        begin, end = (self._last, self._first) if newest_first else (self._first, self._last)
        statement.opening_minor = begin[1] - begin[0]
        statement.closing_minor = end[1]
        broken = self._breaks[newest_first]
        if broken is not None:
            statement.faults.append(
                f"line {broken}: the running balance does not go on from the line before it"
            )
        return statement

    def _follow(
        self, profile: CsvProfile, cells: dict[str, str], amount_minor: int, place: int
    ) -> None:
        text = profile.cell(cells, profile.columns.balance)
        if text is None:
            return
        here = (amount_minor, profile.money(text, self._statement.currency))
        if self._last is not None:
            amount_before, balance_before = self._last
            if self._breaks[False] is None and balance_before + here[0] != here[1]:
                self._breaks[False] = place
            if self._breaks[True] is None and here[1] + amount_before != balance_before:
                self._breaks[True] = place
        self._first = self._first or here
        self._last = here


def load_profile(path: Path) -> CsvProfile:
    """Read a profile.

    Raises:
        UnreadableStatementError: it is no profile; the message says which key is wrong.
    """
    try:
        return CsvProfile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UnreadableStatementError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the profile"
        raise UnreadableStatementError(f"{path}: {place}: {first['msg']}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, …
        raise UnreadableStatementError(f"{path} is no YAML: {error}") from None
