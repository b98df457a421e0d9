"""The folder of bank statements: which files lie in it, and what the user's own two CSVs say."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from loader.settings import SettingsError

MAPPINGS_FILE = "bank_accounts.csv"
OVERRIDES_FILE = "match_overrides.csv"

# Raised when files that were read before have to be read again.
READER_VERSION = 1

_PROFILE_SUFFIX = ".profile.yml"

_MAPPING_COLUMNS = ("account_id", "destination_id", "currency", "bank_account_id", "marker")
_OVERRIDE_COLUMNS = ("account_id", "payout_id", "bank_statement_line_id", "note")

CsvRow = dict[str, Any]
"""Texts by column, none where a cell is empty, and `line_number`."""


def statement_files(folder: Path) -> list[Path]:
    """Answer every file below a folder that should be a statement, in the order of their paths.

    Hidden files, CSV profiles and the user's own two CSVs are none.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not _is_known_otherwise(path.relative_to(folder))
    )


def _is_known_otherwise(path: Path) -> bool:
    is_hidden = any(part.startswith((".", "~$")) for part in path.parts)
    return (
        is_hidden
        or path.name.endswith(_PROFILE_SUFFIX)
        or path.name in (MAPPINGS_FILE, OVERRIDES_FILE)
    )


def source_id_of(path: Path, profiles: Sequence[Path]) -> str:
    """Answer what a file's content is known by: it changes with the profiles and the readers."""
    digest = hashlib.sha256(f"{READER_VERSION}".encode())
    for profile in profiles:
        digest.update(profile.read_bytes())
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_mappings(folder: Path) -> list[CsvRow]:
    """Answer which bank account receives which payouts, as `bank_accounts.csv` says.

    Raises:
        SettingsError: a row can't be used; the message says which and why.
    """
    path = folder / MAPPINGS_FILE
    rows = []
    for row in _rows(path, _MAPPING_COLUMNS, required=("bank_account_id",)):
        place = row["line_number"]
        if not (row["account_id"] or row["destination_id"] or row["marker"]):
            raise SettingsError(
                f"{path}, line {place}: say whose bank account it is (account_id or "
                "destination_id), or which marker its lines carry"
            )
        if row["currency"]:
            row["currency"] = row["currency"].lower()
        _check_marker(path, place, row["marker"])
        rows.append(row)
    _check_one_account_each(path, rows)
    return rows


def read_overrides(folder: Path) -> list[CsvRow]:
    """Answer what the user decided by hand, as `match_overrides.csv` says.

    Raises:
        SettingsError: a row can't be used; the message says which and why.
    """
    path = folder / OVERRIDES_FILE
    return list(_rows(path, _OVERRIDE_COLUMNS, required=("bank_statement_line_id",)))


def _rows(path: Path, columns: tuple[str, ...], required: tuple[str, ...]) -> Iterator[CsvRow]:
    """Yield the rows of a CSV; empty cells and columns are none."""
    if not path.exists():
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            unknown = sorted(set(reader.fieldnames or ()) - set(columns))
            if unknown:
                raise SettingsError(
                    f"{path} has a column {unknown[0]}; it may have {', '.join(columns)}"
                )
            for cells in reader:
                row: CsvRow = {"line_number": reader.line_num}
                row |= {name: (cells.get(name) or "").strip() or None for name in columns}
                for name in required:
                    if row[name] is None:
                        raise SettingsError(f"{path}, line {reader.line_num}: {name} is empty")
                yield row
    except (csv.Error, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no CSV in UTF-8: {error}") from None


def _check_one_account_each(path: Path, rows: Sequence[CsvRow]) -> None:
    """Refuse two bank accounts for the same payouts: nothing would say which of them it is."""
    said: dict[tuple[str | None, ...], CsvRow] = {}
    for row in rows:
        whose = (row["account_id"], row["destination_id"], row["currency"])
        if whose[:2] == (None, None):
            continue
        before = said.setdefault(whose, row)
        if before["bank_account_id"] != row["bank_account_id"]:
            raise SettingsError(
                f"{path}, lines {before['line_number']} and {row['line_number']}: the same payouts "
                "can't go to two bank accounts; say which destination_id goes to which"
            )


def _check_marker(path: Path, place: int, marker: str | None) -> None:
    if marker is None:
        return
    try:
        duckdb.execute("select regexp_matches('', ?)", [marker]).fetchone()
    except duckdb.Error as error:
        raise SettingsError(
            f"{path}, line {place}: the marker is no regular expression: {error}"
        ) from None
