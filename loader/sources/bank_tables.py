"""The raw tables of schema `bank`: what statement files hold, and what the user says of them.

Any other feed may fill the first three in the same shape (README, "Other feeds"). Money is BIGINT
minor units as Stripe counts them, signed as on the account.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

TEXT, INTEGER, BOOLEAN, DATE = pa.string(), pa.int64(), pa.bool_(), pa.date32()


@dataclass(frozen=True)
class BankTable:
    """One raw table: its columns in order and its key; a table without a key is replaced whole."""

    name: str
    columns: dict[str, pa.DataType]
    key: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The arrow schema of its rows."""
        return pa.schema(list(self.columns.items()))


# One row per file, or per source of another feed: the content that stands at a path now.
STATEMENT_FILES = BankTable(
    "statement_files",
    {
        "path": TEXT,
        "source_id": TEXT,
        "format": TEXT,
        "is_whole": BOOLEAN,
        "reason": TEXT,
        "statement_count": INTEGER,
        "line_count": INTEGER,
        "byte_count": INTEGER,
        "is_gone": BOOLEAN,
    },
    key=("path",),
)

# One row per statement in a source, with its control totals.
STATEMENTS = BankTable(
    "statements",
    {
        "source_id": TEXT,
        "statement_number": INTEGER,
        "bank_account_id": TEXT,
        "currency": TEXT,
        "opening_minor": INTEGER,
        "closing_minor": INTEGER,
        "sum_minor": INTEGER,
        "line_count": INTEGER,
        "period_from": DATE,
        "period_through": DATE,
        "is_whole": BOOLEAN,
        "reason": TEXT,
    },
    key=("source_id", "statement_number"),
)

# One row per entry of a source that is whole.
STATEMENT_LINES = BankTable(
    "statement_lines",
    {
        "source_id": TEXT,
        "line_number": INTEGER,
        "bank_account_id": TEXT,
        "currency": TEXT,
        "amount_minor": INTEGER,
        "posted_date": DATE,
        "value_date": DATE,
        "is_booked": BOOLEAN,
        "bank_reference": TEXT,
        "end_to_end_id": TEXT,
        "counterparty": TEXT,
        "description": TEXT,
        "type_code": TEXT,
        "source_line": INTEGER,
    },
    key=("source_id", "line_number"),
)

# Which bank account receives which payouts, as the user says.
ACCOUNT_MAPPINGS = BankTable(
    "account_mappings",
    {
        "line_number": INTEGER,
        "account_id": TEXT,
        "destination_id": TEXT,
        "currency": TEXT,
        "bank_account_id": TEXT,
        "marker": TEXT,
    },
)

# What the user decided by hand.
MATCH_OVERRIDES = BankTable(
    "match_overrides",
    {
        "line_number": INTEGER,
        "account_id": TEXT,
        "payout_id": TEXT,
        "bank_statement_line_id": TEXT,
        "note": TEXT,
    },
)

BANK_TABLES = (STATEMENT_FILES, STATEMENTS, STATEMENT_LINES, ACCOUNT_MAPPINGS, MATCH_OVERRIDES)
