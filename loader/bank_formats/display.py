"""Shows what a statement file holds, for people or as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from loader.bank_formats.reading import FileCheck
from loader.bank_formats.statement import Statement


def show_check(path: Path, found: FileCheck, *, as_json: bool) -> None:
    """Print what a file holds."""
    if as_json:
        statements = [_content(statement) for statement in found.statements]
        _print_json({"format": found.format, "whole": found.whole, "statements": statements})
        return
    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table(title=f"{path.name} ({found.format})", title_justify="left")
    for column in ("Account", "Currency"):
        table.add_column(column, overflow="fold")
    for column in ("Lines", "Opening", "Sum of lines", "Closing"):
        table.add_column(column, justify="right")
    table.add_column("Adds up", overflow="fold")
    for statement in found.statements:
        table.add_row(
            statement.account,
            statement.currency.upper(),
            f"{statement.lines:,}",
            _units(statement.opening_minor),
            _units(statement.sum_minor),
            _units(statement.closing_minor),
            statement.reason or "yes",
        )
    console.print(table, markup=False)
    console.print("Amounts are in minor units (cents).")


def show_unreadable(path: Path, error: Exception, *, as_json: bool) -> None:
    """Print why a file can't be read."""
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    if as_json:
        _print_json({"format": None, "whole": False, "statements": [], "reason": reason})
    sys.stderr.write(f"{path} can't be read as a bank statement: {_printable(reason)}\n")


def _content(statement: Statement) -> dict[str, Any]:
    return {
        "account": statement.account,
        "currency": statement.currency,
        "lines": statement.lines,
        "sum_minor": statement.sum_minor,
        "opening_minor": statement.opening_minor,
        "closing_minor": statement.closing_minor,
        "whole": statement.whole,
        "reason": statement.reason,
    }


def _units(amount: int | None) -> str:
    return "" if amount is None else f"{amount:,}"


def _printable(text: str) -> str:
    """Answer text of a file without what a terminal would obey."""
    return "".join(c if c.isprintable() else " " for c in text)


def _print_json(content: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, indent=2) + "\n")
