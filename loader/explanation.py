"""The whole story of one payout, transaction, statement line or exception, from the published file.

Amounts are integers in minor units beside their currency; times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from loader.duckdb_files import reading, rows_of
from loader.failure import told

Row = Mapping[str, Any]


class ExplanationError(Exception):
    """There is nothing to explain by that id; the message says what to do."""


@dataclass(frozen=True)
class PayoutStory:
    """A payout from its transactions to the bank line."""

    payout: Row
    parts: Sequence[Row]
    """What it is made of, by reporting category and currency."""
    transactions: Sequence[Row]
    """Those that it settled, the largest first."""
    own_rows: Sequence[Row]
    """What took it off the balance, and what put it back if it failed."""
    siblings: Sequence[Row]
    """The other payouts of its group, where one settlement was split."""
    lines: Sequence[Row]
    """The statement lines that it is matched to."""
    candidates: Sequence[Row]
    """The lines that it could be, where nothing decides."""
    statements: Sequence[Row]
    """What was said of it, the first before."""


@dataclass(frozen=True)
class Explanation:
    """What an id stands for, and all that belongs to it."""

    kind: str
    """`payout`, `transaction`, `line` or `exception`."""
    subject: Row
    exponents: Mapping[str, int]
    """By currency: how many decimals it has."""
    payouts: Sequence[PayoutStory] = field(default_factory=list)
    """The payouts that it is, is in, or is matched to or could be."""
    transactions: Sequence[Row] = field(default_factory=list)
    """The transaction that it is, or that the exception is about."""
    lines: Sequence[Row] = field(default_factory=list)
    """The statement line that it is, or that the exception is about."""
    exceptions: Sequence[Row] = field(default_factory=list)
    """Open exceptions about it."""


def explain(published_path: Path, identifier: str, account_id: str | None = None) -> Explanation:
    """Answer the story of what an id stands for.

    Args:
        published_path: the published DuckDB file.
        identifier: a payout, a balance transaction, a statement line or an exception.
        account_id: whose it is, where several accounts have one of that id.

    Raises:
        ExplanationError: nothing has that id, several accounts have it, or the file can't be read.
    """
    if not published_path.exists():
        raise ExplanationError(
            f"Nothing is published at {published_path} yet. Run `make reconcile` first."
        )
    try:
        with reading(published_path) as connection:
            return _Reader(connection).explanation(identifier, account_id)
    except duckdb.Error as error:
        raise ExplanationError(f"{told(error)} `tieout doctor` says more.") from None


@dataclass(frozen=True)
class _Reader:
    connection: duckdb.DuckDBPyConnection

    def explanation(self, identifier: str, account_id: str | None) -> Explanation:
        kind, subject = self._found(identifier, account_id)
        exponents = {
            row["currency"]: row["minor_unit_exponent"]
            for row in self._rows("from finance.dim_currencies")
        }
        about = {
            "payout": self._about_payout,
            "transaction": self._about_transaction,
            "line": self._about_line,
            "exception": self._about_exception,
        }[kind]
        return Explanation(kind, subject, exponents, **about(subject))

    def _found(self, identifier: str, account_id: str | None) -> tuple[str, Row]:
        for kind, (table, column) in _IDS.items():
            found = self._rows(
                f"from finance.{table} where {column} = ?",
                identifier,
            )
            if account_id is not None:
                found = [row for row in found if row.get("account_id", account_id) == account_id]
            if len(found) == 1:
                return kind, found[0]
            if found:
                accounts = ", ".join(sorted(row["account_id"] for row in found))
                raise ExplanationError(
                    f"{identifier} is in several accounts ({accounts}): name one with --account."
                )
        raise ExplanationError(
            f"Nothing that is published has the id {identifier}. It may be the id of a payout "
            "(po_…), a balance transaction (txn_…), a statement line or an exception, as the "
            "summary, the report and the exports show them; ids are case-sensitive. What is newer "
            "than the last run needs `make reconcile` first."
        )

    def _about_payout(self, payout: Row) -> dict[str, Any]:
        return {
            "payouts": [self._story(payout)],
            "exceptions": self._exceptions("payout_id", payout["payout_id"], payout["account_id"]),
        }

    def _about_transaction(self, transaction: Row) -> dict[str, Any]:
        account_id = transaction["account_id"]
        exceptions = self._exceptions(
            "balance_transaction_id", transaction["balance_transaction_id"], account_id
        )
        # One in two payouts has no payout of its own; what is said of it names both.
        named = {
            transaction["payout_id"],
            transaction["source_object_id"],
            *(exception["payout_id"] for exception in exceptions),
        }
        return {
            "transactions": [transaction],
            "payouts": [
                self._story(payout)
                for payout_id in sorted(named - {None})
                for payout in self._payouts(account_id, payout_id)
            ],
            "exceptions": exceptions,
        }

    def _about_line(self, line: Row) -> dict[str, Any]:
        line_id = line["bank_statement_line_id"]
        named = self._rows(
            "select account_id, payout_id from finance.fct_bank_matches "
            "where bank_statement_line_id = $1 union "
            "select account_id, payout_id from finance.fct_bank_match_candidates "
            "where bank_statement_line_id = $1 order by all",
            line_id,
        )
        return {
            "lines": [line],
            "payouts": [
                self._story(payout)
                for row in named
                for payout in self._payouts(row["account_id"], row["payout_id"])
            ],
            "exceptions": self._rows(
                "from finance.fct_reconciliation_exceptions "
                "where bank_statement_line_id = ? order by exception_id",
                line_id,
            ),
        }

    def _about_exception(self, exception: Row) -> dict[str, Any]:
        account_id = exception["account_id"]
        return {
            "payouts": [
                self._story(payout) for payout in self._payouts(account_id, exception["payout_id"])
            ],
            "transactions": self._rows(
                "from finance.fct_balance_transactions "
                "where account_id = ? and balance_transaction_id = ?",
                account_id,
                exception["balance_transaction_id"],
            ),
            "lines": self._rows(
                "from finance.fct_bank_statement_lines where bank_statement_line_id = ?",
                exception["bank_statement_line_id"],
            ),
        }

    def _payouts(self, account_id: str, payout_id: str | None) -> Sequence[Row]:
        return self._rows(
            "from finance.fct_payout_reconciliation where account_id = ? and payout_id = ?",
            account_id,
            payout_id,
        )

    def _exceptions(self, column: str, identifier: str, account_id: str) -> Sequence[Row]:
        return self._rows(
            f"from finance.fct_reconciliation_exceptions where {column} = ? and account_id = ? "
            "order by severity, exception_type, exception_id",
            identifier,
            account_id,
        )

    def _story(self, payout: Row) -> PayoutStory:
        key = (payout["account_id"], payout["payout_id"])
        return PayoutStory(
            payout=payout,
            parts=self._rows(_PARTS, *key),
            transactions=self._rows(_TRANSACTIONS, *key),
            own_rows=self._rows(_OWN_ROWS, *key),
            siblings=self._rows(_SIBLINGS, *key, payout["payout_group_id"]),
            lines=self._rows(_LINES, *key),
            candidates=self._rows(_CANDIDATES, *key),
            statements=self._rows(_STATEMENTS, *key),
        )

    def _rows(self, query: str, *parameters: object) -> Sequence[Row]:
        return rows_of(self.connection, query, parameters)


# Where an id may be found, and in which order it is looked for.
_IDS = {
    "payout": ("fct_payout_reconciliation", "payout_id"),
    "transaction": ("fct_balance_transactions", "balance_transaction_id"),
    "line": ("fct_bank_statement_lines", "bank_statement_line_id"),
    "exception": ("fct_reconciliation_exceptions", "exception_id"),
}

_PARTS = """
    from finance.fct_payout_categories
    where account_id = ? and payout_id = ?
    order by currency, reporting_category
"""

_TRANSACTIONS = """
    from finance.fct_balance_transactions
    where account_id = ? and payout_id = ?
    order by abs(net_amount_minor) desc, balance_transaction_id
"""

_OWN_ROWS = """
    from finance.fct_balance_transactions
    where account_id = ? and source_object_id = ?
    order by created_at, balance_transaction_id
"""

_SIBLINGS = """
    from finance.fct_payout_reconciliation
    where account_id = ? and payout_id <> ? and payout_group_id = ?
    order by payout_id
"""

_LINES = """
    select lines.*, matches.match_rule, matches.days_apart, matches.decided_by
    from finance.fct_bank_matches as matches
    inner join finance.fct_bank_statement_lines as lines
        on matches.bank_statement_line_id = lines.bank_statement_line_id
    where matches.account_id = ? and matches.payout_id = ?
    order by lines.posted_date, lines.bank_statement_line_id
"""

_CANDIDATES = """
    select *, line_amount_minor as amount_minor
    from finance.fct_bank_match_candidates
    where account_id = ? and payout_id = ?
    order by posted_date, bank_statement_line_id
"""

_STATEMENTS = """
    from finance.fct_payout_reconciliation_history
    where account_id = ? and payout_id = ?
    order by statement_number
"""
