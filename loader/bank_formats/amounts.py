"""Amounts as banks write them, in the minor units that Stripe uses for the currency.

Only decimals, never binary fractions. How many decimals a currency has at Stripe is the dbt seed
`currencies` (https://docs.stripe.com/currencies); a currency that is not there has two.
"""

from __future__ import annotations

import csv
import re
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path

_SEED = Path(__file__).resolve().parents[2] / "dbt_project/seeds/currencies.csv"

# ISO 4217 where it is not two decimals: what amounts without a decimal mark are counted in.
_ISO_EXPONENTS = {
    **dict.fromkeys(
        [
            "bif",
            "clp",
            "djf",
            "gnf",
            "isk",
            "jpy",
            "kmf",
            "krw",
            "pyg",
            "rwf",
            "ugx",
            "uyi",
            "vnd",
            "vuv",
            "xaf",
            "xof",
            "xpf",
        ],
        0,
    ),
    **dict.fromkeys(["bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"], 3),
}

# Beyond it, no bank means what it says, and BIGINT ends.
_MOST_MINOR_UNITS = 10**17

_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")


def currency_of(code: str) -> str:
    """Answer a currency code as Stripe writes it.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"[A-Za-z]{3}", code.strip()):
        raise ValueError(f"'{code[:20]}' is no currency")
    return code.strip().lower()


def minor_units(text: str, currency: str, decimal: str = ".", thousands: str = "") -> int:
    """Answer an amount in minor units.

    Raises:
        ValueError: it is no amount, or has more decimals than the currency has.
    """
    plain = re.sub(r"\s", "", text)
    if thousands:
        plain = plain.replace(thousands, "")
    plain = plain.replace(decimal, ".") if decimal != "." else plain
    if not _PLAIN.fullmatch(plain):
        raise ValueError(f"'{text[:40]}' is no amount")
    return _whole(Decimal(plain).scaleb(_exponents().get(currency, 2)), text, currency)


def minor_units_of_count(text: str, currency: str) -> int:
    """Answer an amount that is written in ISO 4217's minor units, without a decimal mark.

    Raises:
        ValueError: it is no whole number, or not whole in Stripe's minor units.
    """
    if not re.fullmatch(r"[+-]?\d+", text.strip()):
        raise ValueError(f"'{text[:40]}' is no amount in minor units")
    iso = _ISO_EXPONENTS.get(currency, 2)
    shift = _exponents().get(currency, 2) - iso
    return _whole(Decimal(text.strip()).scaleb(shift), text, currency)


def _whole(amount: Decimal, text: str, currency: str) -> int:
    try:
        whole = int(amount.to_integral_exact())
    except InvalidOperation:
        whole = _MOST_MINOR_UNITS
    if abs(whole) >= _MOST_MINOR_UNITS:
        raise ValueError(f"'{text[:40]}' is too much to be an amount")
    if whole != amount:
        raise ValueError(f"'{text[:40]}' has more decimals than {currency.upper()} has")
    return whole


@cache
def _exponents() -> dict[str, int]:
    with _SEED.open(encoding="utf-8", newline="") as file:
        return {row["currency"]: int(row["minor_unit_exponent"]) for row in csv.DictReader(file)}
