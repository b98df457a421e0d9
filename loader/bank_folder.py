"""The folder of bank statements: which files lie in it, and what the user's own two CSVs say."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
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
# Where the cells of a row go that the header has no columns for.
_BEYOND_COLUMNS = ""

_OVERRIDE_COLUMNS = ("account_id", "payout_id", "bank_statement_line_id", "note")

# What DuckDB's regular expressions know and Java's, of Spark, do not.
_OF_ONE_ENGINE = re.compile(r"\[:|\(\?P<")

CsvRow = dict[str, Any]
"""Texts by column, none where a cell is empty, and `line_number`."""


def statement_files(folder: Path) -> list[Path]:
    """Answer every file below a folder that should be a statement, in the order of their paths.

    Hidden files, CSV profiles and the user's own two CSVs are none. A folder that this user may not
    look into is answered like a file that may not be read.

    Raises:
        OSError: the folder itself can't be read.
    """
    if folder.exists():
        os.scandir(folder).close()
    return sorted(
        path
        for path in folder.rglob("*")
        if not _is_known_otherwise(path.relative_to(folder)) and _is_to_be_read(path)
    )


def _is_to_be_read(path: Path) -> bool:
    try:
        if path.is_dir():
            os.scandir(path).close()
        return path.is_file()
    except PermissionError:
        return True


def storable(text: str) -> str:
    """Answer a text as UTF-8 can hold it: names of files may be bytes of another encoding."""
    return text.encode("utf-8", "backslashreplace").decode()


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
        with suppress(OSError):  # that it can't be read is told when it is needed
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
    text = io.StringIO(_text_of(path), newline="")
    reader = csv.DictReader(text, restkey=_BEYOND_COLUMNS, strict=True)
    try:
        _check_columns(path, reader.fieldnames or (), columns)
        for cells in reader:
            yield _row(f"{path}, line {reader.line_num}", reader.line_num, cells, columns, required)
    except csv.Error as error:
        # What it stumbled over is a row that may begin on a line before.
        begun, ended = reader.line_num + 1, reader.reader.line_num
        lines = f"line {ended}" if begun >= ended else f"lines {begun} to {ended}"
        raise SettingsError(f"{path}, {lines}: it is no CSV: {error}") from None


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = raw.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {place}: it is no UTF-8: {error.reason}") from None


def _check_columns(path: Path, found: Sequence[str], columns: tuple[str, ...]) -> None:
    for place, name in enumerate(found):
        if name not in columns:
            said = f"a column {name}" if name else "a column without a name"
            raise SettingsError(f"{path}, line 1: it has {said}; it may have {', '.join(columns)}")
        if name in found[:place]:
            raise SettingsError(f"{path}, line 1: it has the column {name} twice")


def _row(
    where: str,
    line_number: int,
    cells: dict[str, Any],
    columns: tuple[str, ...],
    required: tuple[str, ...],
) -> CsvRow:
    if any(cell.strip() for cell in cells.get(_BEYOND_COLUMNS, ())):
        raise SettingsError(f"{where}: it has more cells than columns: put quotes around a comma")
    row: CsvRow = {"line_number": line_number}
    row |= {name: (cells.get(name) or "").strip() or None for name in columns}
    for name in required:
        if row[name] is None:
            raise SettingsError(f"{where}: {name} is empty")
    return row


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
    of_one_engine = _OF_ONE_ENGINE.search(marker)
    if of_one_engine:
        raise SettingsError(
            f"{path}, line {place}: '{of_one_engine[0]}' in the marker means something else, or "
            "nothing, to the other engine that may build the tables; say it with \\d, \\w, "
            "[A-Z] or (…)"
        )
