"""The fields of SWIFT's statements, with the grammar of the `mt-940` library.

The file is cut into fields here, so that it streams and no text is lost; the balances of a
statement guard what the grammar makes of it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from datetime import date
from typing import Any, TextIO

from mt940 import tags

# It logs lines that it can't parse, which are the bank's data; what is wrong is told here.
logging.getLogger("mt940").setLevel(logging.CRITICAL)

_FIELD = re.compile(r":(\d\d[A-Z]?|NS):(.*)", re.DOTALL)

_BALANCE = tags.BalanceBase()
_LINE = tags.Statement()

# A turn of the year between value date and entry date.
_HALF_A_YEAR = 180

# What banks make of a balance and of an entry: up to the amount, the amount, and what follows. Some
# add the time of booking to its day; `EC` and `ED` are expected.
_BALANCE_PARTS = re.compile(r"([DC]\d{6}[A-Za-z]{3})([\d.,]+)")
_ENTRY_PARTS = re.compile(
    r"(\d{6}(?:\d{4}|\s{4})?)(?:\d{6})?(E?)(R?[DC][A-Z]?)\s?([\d.,]+)(.*)", re.DOTALL
)


def fields(file: TextIO) -> Iterator[tuple[str, str, int]]:
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


def parsed_balance(value: str) -> dict[str, Any]:
    """Answer the parts of a balance: its side, day, currency and amount, with a decimal comma.

    Raises:
        ValueError: it is none.
    """
    before, amount = _parts(_BALANCE_PARTS, value)
    amount = _with_comma(amount)
    return _parsed(_BALANCE, before + amount) | {"amount": amount}


def parsed_entry(value: str) -> dict[str, Any]:
    """Answer the parts of the first line of a `:61:`, and whether the entry is only expected.

    Raises:
        ValueError: it is none.
    """
    days, expected, mark, amount, rest = _parts(_ENTRY_PARTS, value)
    found = _parsed(_LINE, days + mark + _with_comma(amount) + rest)
    return found | {"is_expected": bool(expected)}


def _parts(pattern: re.Pattern[str], value: str) -> tuple[str, ...]:
    found = pattern.match(value)
    if found is None:
        raise _unlike_swift(value)
    return found.groups()


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


def references(found: dict[str, Any]) -> tuple[str, str]:
    """Answer the customer's and the bank's reference, whole: some are longer than SWIFT allows."""
    customer, bank, more = (
        str(found.get(name) or "")
        for name in ("customer_reference", "bank_reference", "extra_details")
    )
    if bank:
        return customer, bank + more
    customer, _, bank = (customer + more).partition("//")
    return customer, bank


def date_of(year: object, month: object, day: object) -> date:
    """Answer a day of this century.

    Raises:
        ValueError: there is no such day.
    """
    try:
        return date(2000 + int(str(year)), int(str(month)), int(str(day)))
    except ValueError:
        raise ValueError(f"'{year}{month}{day}' is no date") from None


def entry_date(found: dict[str, Any], value_date: date) -> date:
    """Answer the day of booking, which is written without its year."""
    month, day = str(found.get("entry_month") or ""), str(found.get("entry_day") or "")
    if not (month.isdigit() and day.isdigit()):
        return value_date
    booked = date_of(value_date.year - 2000, month, day)
    apart = (booked - value_date).days
    if abs(apart) > _HALF_A_YEAR:
        booked = booked.replace(year=booked.year + (-1 if apart > 0 else 1))
    return booked
