"""Recognises a statement file by its content, whatever its name, and reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loader.bank_formats.bai2 import read_bai2
from loader.bank_formats.camt import read_camt
from loader.bank_formats.csv_profile import CsvProfile, load_profile
from loader.bank_formats.mt940 import read_mt940
from loader.bank_formats.ofx import read_ofx
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.bank_formats.text import beginning

# A year of a busy account has some hundred megabytes; more is no statement.
LARGEST_FILE_BYTES = 2_000_000_000

_PROFILES = "*.profile.yml"

# What a reader may stumble over in what others wrote: each says what it knows of, not these.
_STUMBLES = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError)

Reader = Callable[[Path], Iterator[StatementLine | Statement]]

_FORMATS: tuple[tuple[str, re.Pattern[str], Reader], ...] = (
    (
        "ofx",
        re.compile(r"\s*OFXHEADER\s*:|(\s*<.{0,1000}?|[^,;]{0,1000}?)<(\?OFX\b|OFX>)", re.I | re.S),
        read_ofx,
    ),
    ("camt", re.compile(r"\s*<"), read_camt),
    ("bai2", re.compile(r"\s*01,"), read_bai2),
    ("mt940", re.compile(r"(?s)(\s*\{1:|.{0,1000}?(^|\n):20:)"), read_mt940),
)


@dataclass
class FileCheck:
    """What a file holds and whether it adds up."""

    format: str
    statements: list[Statement] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether each of its statements adds up."""
        return all(statement.whole for statement in self.statements)


def read_statements(
    path: Path, profiles: Sequence[CsvProfile]
) -> tuple[str, Iterator[StatementLine | Statement]]:
    """Answer a file's format, and its lines, those of a statement before it.

    Raises:
        UnreadableStatementError: no reader knows it, at once or while it is read.
    """
    start = _beginning_of_text(path)
    for name, pattern, reader in _FORMATS:
        if pattern.match(start):
            return name, _guarded(reader(path))
    for profile in profiles:
        if profile.fits(path):
            return "csv", _guarded(profile.read(path))
    raise UnreadableStatementError(
        "it is no OFX, CAMT, MT940 or BAI2, and no CSV that a profile describes: a bank's CSV is "
        "described in a file NAME.profile.yml beside it or in a folder above (README)"
    )


def _beginning_of_text(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGEST_FILE_BYTES:
        raise UnreadableStatementError(
            f"it has {size:,} bytes; a statement has at most {LARGEST_FILE_BYTES:,}"
        )
    start = beginning(path).removeprefix("\ufeff")
    if start.startswith("PK\x03\x04"):
        raise UnreadableStatementError(
            "it is a ZIP archive or a spreadsheet: unpack it, or save it as CSV"
        )
    if "\0" in start:
        raise UnreadableStatementError("it holds NUL bytes: it is no text")
    if not start.strip():
        raise UnreadableStatementError("it is empty")
    return start


def _guarded(items: Iterator[StatementLine | Statement]) -> Iterator[StatementLine | Statement]:
    """Yield what a reader reads; what it stumbles over costs the file, and is told."""
    try:
        yield from items
    except _STUMBLES as error:
        raise UnreadableStatementError(f"it can't be read: {error}") from None


def check_file(path: Path, profiles: Sequence[CsvProfile]) -> FileCheck:
    """Read a file to its end and answer what it holds.

    Raises:
        UnreadableStatementError: it can't be read.
    """
    name, items = read_statements(path, profiles)
    statements = [item for item in items if isinstance(item, Statement)]
    return FileCheck(name, statements)


def profiles_for(path: Path) -> list[CsvProfile]:
    """Answer the CSV profiles that lie beside a file or in a folder above it, the nearest first.

    Raises:
        UnreadableStatementError: one of them is no profile.
    """
    return [load_profile(file) for file in profile_paths_for(path)]


def profile_paths_for(path: Path) -> list[Path]:
    """Answer where the CSV profiles of a file lie, the nearest first."""
    return [file for above in path.resolve().parents for file in sorted(above.glob(_PROFILES))]
