"""The raw tables of schema `stripe`: their columns, and Stripe's objects as rows of them.

Money is BIGINT minor units, times are Stripe's epoch seconds (UTC), ids are text. A top-level
field that Stripe adds later becomes a text column of its name that holds its JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
import pyarrow as pa

from loader.stripe_api.errors import UnexpectedAnswerError

Row = dict[str, Any]

TEXT, INTEGER, BOOLEAN, NUMBER = pa.string(), pa.int64(), pa.bool_(), pa.float64()
JSON = "json"

# Says nothing that the table's name does not say.
_IGNORED_FIELDS = frozenset({"object"})


@dataclass(frozen=True)
class RawTable:
    """One raw table: its columns in order, its key, and which columns are never null."""

    name: str
    columns: Mapping[str, pa.DataType | str]
    key: tuple[str, ...]
    required: frozenset[str]

    def check(self, rows: Sequence[Row]) -> None:
        """Refuse rows that are not as Stripe documents them.

        Raises:
            UnexpectedAnswerError: a value is not of its column's type, or a required one is absent.
        """
        for name, kind in self.columns.items():
            if kind == JSON:
                continue
            values = [row.get(name) for row in rows]
            allowed = _TYPES[kind] if name in self.required else {*_TYPES[kind], type(None)}
            if set(map(type, values)) <= allowed and (kind != INTEGER or _fit(name, values)):
                continue
            for row, value in zip(rows, values, strict=True):
                if not self._is_fine(row, name, value):
                    raise self._unexpected(name, row)

    def arrow(self, rows: Sequence[Row]) -> pa.Table:
        """Build the arrow table of rows that were checked."""
        added = sorted({name for row in rows for name in row} - set(self.columns))
        return pa.table({name: self._column(name, rows) for name in (*self.columns, *added)})

    def _column(self, name: str, rows: Sequence[Row]) -> pa.Array:
        values = [row.get(name) for row in rows]
        kind = self.columns.get(name, JSON)
        if kind == JSON:
            return pa.array([None if v is None else orjson.dumps(v).decode() for v in values], TEXT)
        return pa.array(values, kind)

    def _is_fine(self, row: Row, name: str, value: object) -> bool:
        if value is None:
            return name not in self.required or bool(row.get("is_cleared"))
        kind = self.columns[name]
        return type(value) in _TYPES[kind] and (kind != INTEGER or _fit(name, [value]))

    def _unexpected(self, column: str, row: Row) -> UnexpectedAnswerError:
        return UnexpectedAnswerError(
            f"Stripe's {self.name} {row.get('id')} of account {row.get('account_id')} has "
            f"{column} = {row.get(column)!r}, which is not what Stripe documents. Nothing after it "
            "was read of this account. If it stays so, report it with this message.",
            account_id=row.get("account_id"),
            code="unexpected_value",
        )


_TYPES: dict[pa.DataType | str, set[type]] = {
    TEXT: {str},
    INTEGER: {int},
    BOOLEAN: {bool},
    NUMBER: {int, float},
}


# Thousands of such amounts add up within a BIGINT; one that did not would stop the build.
_LARGEST_AMOUNT = 10**15

# In the year 2242. Times in milliseconds are later.
_LATEST_TIME = 2**33

_TIMES = frozenset({"created", "available_on", "arrival_date"})


def _fit(column: str, values: Iterable[Any]) -> bool:
    """Tell whether integers can be what the column holds, a time or an amount; absent ones do."""
    low, high = (0, _LATEST_TIME) if column in _TIMES else (-_LARGEST_AMOUNT, _LARGEST_AMOUNT)
    return all(value is None or low <= value <= high for value in values)


# https://docs.stripe.com/api/balance_transactions/object
_TRANSACTION_COLUMNS: dict[str, pa.DataType | str] = {
    "id": TEXT,
    "amount": INTEGER,
    "available_on": INTEGER,
    "balance_type": TEXT,
    "created": INTEGER,
    "currency": TEXT,
    "description": TEXT,
    "exchange_rate": NUMBER,
    "fee": INTEGER,
    "fee_details": JSON,
    "net": INTEGER,
    "reporting_category": TEXT,
    "source": TEXT,
    "status": TEXT,
    "type": TEXT,
}
_TRANSACTION_REQUIRED = frozenset(
    {"id", "amount", "available_on", "created", "currency", "fee", "net", "type"}
)

BALANCE_TRANSACTIONS = RawTable(
    name="balance_transactions",
    columns={"account_id": TEXT, **_TRANSACTION_COLUMNS},
    key=("account_id", "id"),
    required=_TRANSACTION_REQUIRED,
)

# `is_cleared` marks the one row of a list that was read again and is now empty: dlt deletes the
# payout's rows and keeps none.
PAYOUT_TRANSACTIONS = RawTable(
    name="payout_transactions",
    columns={
        "account_id": TEXT,
        "payout_id": TEXT,
        **_TRANSACTION_COLUMNS,
        "is_cleared": BOOLEAN,
    },
    key=("account_id", "payout_id"),
    required=frozenset({"account_id", "payout_id", *_TRANSACTION_REQUIRED}),
)

# https://docs.stripe.com/api/payouts/object
PAYOUTS = RawTable(
    name="payouts",
    columns={
        "account_id": TEXT,
        "id": TEXT,
        "amount": INTEGER,
        "application_fee": TEXT,
        "application_fee_amount": INTEGER,
        "arrival_date": INTEGER,
        "automatic": BOOLEAN,
        "balance_transaction": TEXT,
        "created": INTEGER,
        "currency": TEXT,
        "description": TEXT,
        "destination": TEXT,
        "failure_balance_transaction": TEXT,
        "failure_code": TEXT,
        "failure_message": TEXT,
        "livemode": BOOLEAN,
        "metadata": JSON,
        "method": TEXT,
        "original_payout": TEXT,
        "payout_method": TEXT,
        "reconciliation_status": TEXT,
        "reversed_by": TEXT,
        "source_type": TEXT,
        "statement_descriptor": TEXT,
        "status": TEXT,
        "trace_id": JSON,
        "type": TEXT,
    },
    key=("account_id", "id"),
    required=frozenset({"id", "amount", "arrival_date", "automatic", "created", "currency"}),
)

# https://docs.stripe.com/api/accounts/object: only what names an account; the rest is personal.
ACCOUNTS = RawTable(
    name="accounts",
    columns={
        "account_id": TEXT,
        "id": TEXT,
        "is_platform_account": BOOLEAN,
        "business_name": TEXT,
        "dashboard_name": TEXT,
        "country": TEXT,
        "default_currency": TEXT,
        "type": TEXT,
        "created": INTEGER,
        "charges_enabled": BOOLEAN,
        "payouts_enabled": BOOLEAN,
    },
    key=("account_id", "id"),
    required=frozenset({"account_id", "id"}),
)

# https://docs.stripe.com/api/balance/balance_object: one row per reading and currency.
BALANCES = RawTable(
    name="balances",
    columns={
        "account_id": TEXT,
        "id": TEXT,
        "read_at": INTEGER,
        "currency": TEXT,
        "available": INTEGER,
        "pending": INTEGER,
        "connect_reserved": INTEGER,
    },
    key=("account_id", "id"),
    required=frozenset({"account_id", "id", "read_at", "currency"}),
)

# One row per payout whose list was read: how that reading went.
PAYOUT_LISTINGS = RawTable(
    name="payout_listings",
    columns={
        "account_id": TEXT,
        "id": TEXT,
        "listed_at": INTEGER,
        "reconciliation_status_seen": TEXT,
        "is_whole": BOOLEAN,
        "row_count": INTEGER,
        "error": TEXT,
    },
    key=("account_id", "id"),
    required=frozenset({"account_id", "id", "listed_at", "is_whole", "row_count"}),
)

# One row per account and run: what was read and how it ended.
ACCOUNT_SYNCS = RawTable(
    name="account_syncs",
    columns={
        "account_id": TEXT,
        "run_id": TEXT,
        "run_number": INTEGER,
        "status": TEXT,
        "error": TEXT,
        "started_at": INTEGER,
        "finished_at": INTEGER,
        "transactions_listed_at": INTEGER,
        "balance_read_at": INTEGER,
        "history_from": INTEGER,
        "created_from": INTEGER,
        "created_through": INTEGER,
        "payouts_through": INTEGER,
        "unexplained": TEXT,
        "searched_at": INTEGER,
        "moving": TEXT,
        "opening": TEXT,
        "opening_read_at": INTEGER,
        "pages": INTEGER,
        "rows": INTEGER,
    },
    key=("account_id", "run_id"),
    required=frozenset({"account_id", "run_id", "run_number", "status"}),
)

# One row per stretch of `created` that a first reading read to its end.
CREATED_STRETCHES = RawTable(
    name="created_stretches",
    columns={
        "account_id": TEXT,
        "id": TEXT,
        "run_id": TEXT,
        "raw_table": TEXT,
        "created_from": INTEGER,
        "created_through": INTEGER,
    },
    key=("account_id", "id"),
    required=frozenset({"account_id", "id", "run_id", "raw_table"}),
)

RAW_TABLES = (
    ACCOUNTS,
    PAYOUTS,
    PAYOUT_TRANSACTIONS,
    PAYOUT_LISTINGS,
    BALANCE_TRANSACTIONS,
    BALANCES,
    CREATED_STRETCHES,
    ACCOUNT_SYNCS,
)


_DOCUMENTED_FIELDS = frozenset({*_TRANSACTION_COLUMNS, *PAYOUTS.columns}) - {"account_id"}
_OUR_COLUMNS = frozenset({"account_id", "payout_id", "is_cleared"})


def object_row(
    account_id: str, stripe_object: Mapping[str, Any], payout_id: str | None = None
) -> Row:
    """Answer a Stripe object as a raw row of its account; expanded objects become their ids.

    Args:
        account_id: the account it was read for.
        stripe_object: as parsed from Stripe's answer.
        payout_id: the payout whose list it is a row of, if it is.
    """
    columns = _columns_of(tuple(stripe_object))
    row: Row = dict(zip(columns, stripe_object.values(), strict=True))
    row.pop(_NO_COLUMN, None)
    if dict in set(map(type, row.values())):
        row = {c: _id_if_expanded(v) if type(v) is dict else v for c, v in row.items()}
    row["account_id"] = account_id
    if payout_id is not None:
        row["payout_id"] = payout_id
    return row


# Where the fields go that are not kept.
_NO_COLUMN = ""


@cache
def _columns_of(field_names: tuple[str, ...]) -> tuple[str, ...]:
    """Answer the column of each field; objects of one kind have the same fields almost always.

    Where two fields would share a column, the documented one has it.
    """
    columns = [_column_name(name) for name in field_names]
    documented = set(field_names) & _DOCUMENTED_FIELDS
    return tuple(
        _NO_COLUMN
        if name in _IGNORED_FIELDS or (column in documented and name not in documented)
        else column
        for name, column in zip(field_names, columns, strict=True)
    )


def _column_name(field_name: str) -> str:
    """Answer the column of a field; a field that is named like a column of ours steps aside."""
    if field_name in _DOCUMENTED_FIELDS:
        return field_name
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field_name).lower()
    return f"stripe_{name}" if name in _OUR_COLUMNS | _DOCUMENTED_FIELDS else name


def _id_if_expanded(value: Mapping[str, Any]) -> object:
    if isinstance(value.get("id"), str) and "object" in value:
        return value["id"]
    return value


def account_row(account: Mapping[str, Any], *, is_platform: bool) -> Row:
    """Answer the row of an account: what names it, nothing personal."""
    profile = _object(account.get("business_profile"))
    dashboard = _object(_object(account.get("settings")).get("dashboard"))
    kept = ("country", "default_currency", "type", "created", "charges_enabled", "payouts_enabled")
    return {
        "account_id": account.get("id"),
        "id": account.get("id"),
        "is_platform_account": is_platform,
        "business_name": profile.get("name"),
        "dashboard_name": dashboard.get("display_name"),
        **{name: account.get(name) for name in kept},
    }


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def balance_rows(account_id: str, balance: Mapping[str, Any], read_at: int) -> list[Row]:
    """Answer one row per currency of a balance: available, pending and connect_reserved.

    Raises:
        UnexpectedAnswerError: the balance does not have the shape that Stripe documents.
    """
    parts = ("available", "pending", "connect_reserved")
    has_parts = isinstance(balance.get("available"), list) and isinstance(
        balance.get("pending"), list
    )
    if not has_parts or not all(
        _is_money(entry) for part in parts for entry in balance.get(part) or ()
    ):
        raise UnexpectedAnswerError(
            f"/v1/balance of account {account_id} is not what Stripe documents: {balance!r}",
            account_id=account_id,
            code="unexpected_value",
        )
    currencies = {entry["currency"] for part in parts for entry in balance.get(part) or ()}
    return [
        {
            "account_id": account_id,
            "id": f"{read_at}-{currency}",
            "read_at": read_at,
            "currency": currency,
            **{part: _amount(balance.get(part) or (), currency) for part in parts},
        }
        for currency in sorted(currencies)
    ]


# The parts of a balance that payouts are made of, and what is no balance at all.
_PAYMENTS_BALANCE = frozenset(
    {"object", "livemode", "available", "pending", "connect_reserved", "instant_available"}
)


def holds_other_balances(balance: Mapping[str, Any]) -> bool:
    """Tell whether an account has balances beside that of payments, such as Issuing's."""
    others = (balance[name] for name in balance.keys() - _PAYMENTS_BALANCE)
    return any(isinstance(other, dict | list) and other for other in others)


def _is_money(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("currency"), str)
        and type(entry.get("amount")) is int
    )


def _amount(entries: Iterable[Mapping[str, Any]], currency: str) -> int:
    return sum(entry["amount"] for entry in entries if entry["currency"] == currency)
