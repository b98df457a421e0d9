"""Reads the bank's statement files into the warehouse: what is new, each file whole or not at all.

A file that was read before and has not changed is not read again. The lines of a file that does
not add up stay out; why is kept with the file.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.pipeline.exceptions import PipelineStepFailed

from loader.bank_folder import (
    read_mappings,
    read_overrides,
    source_id_of,
    statement_files,
    storable,
)
from loader.bank_formats.csv_profile import CsvProfile, load_profile
from loader.bank_formats.reading import profile_paths_for, read_statements
from loader.bank_formats.statement import Statement, StatementLine, UnreadableStatementError
from loader.destination import destination_of
from loader.raw_data import RawData
from loader.sources.bank_statements import bank_statements
from loader.sources.bank_tables import (
    ACCOUNT_MAPPINGS,
    MATCH_OVERRIDES,
    STATEMENT_FILES,
    STATEMENT_LINES,
    STATEMENTS,
)
from loader.sync import LoadError

Row = dict[str, Any]

# Lines held in memory at once.
_LINES_IN_CHUNK = 20_000

# A file, or a folder, that this user may not look into.
_NOT_PERMITTED = (PermissionError, IsADirectoryError)

# What the content of such a file is known by, with its path.
_NOTHING_READ = "not permitted: "

# What arrow can't hold of a file; it costs that file alone.
_NOT_HELD = (ValueError, ArithmeticError)

# Of BIGINT.
_MOST_MINOR_UNITS = 2**63 - 1

# How a source of another feed is marked; its rows are never ours to touch.
OTHER_FEED = "feed"


@dataclass
class BankResult:
    """What lies in the folder: files, and those that are not whole, with the reason."""

    files: int = 0
    files_read: int = 0
    """Those that were new or had changed."""
    lines_loaded: int = 0
    not_whole: dict[str, str] = field(default_factory=dict)
    """Why, by path."""


@dataclass(frozen=True)
class BankRequest:
    """Which folder to read, and where its lines go."""

    folder: Path
    raw: RawData
    pipelines_dir: Path
    full: bool = False
    """Read every file again, and forget files that no longer lie in the folder."""


def sync_bank(request: BankRequest) -> BankResult:
    """Read what is new in the folder of bank statements.

    Raises:
        SettingsError: one of the user's own CSVs in the folder can't be used.
        LoadError: what was read can't be written.
        OSError: the folder can't be read, or there is no room.
    """
    shutil.rmtree(request.pipelines_dir, ignore_errors=True)
    spool = request.pipelines_dir / "spool"
    spool.mkdir(parents=True)
    try:
        return _Reading(request, spool).run()
    finally:
        shutil.rmtree(request.pipelines_dir, ignore_errors=True)


class _Reading:
    """One pass over the folder."""

    def __init__(self, request: BankRequest, spool: Path) -> None:
        self._request = request
        self._spool = spool
        self._profiles = _Profiles()
        self._stored = request.raw.statement_files()
        self._known = {} if request.full or self._stored is None else self._stored
        self._here: set[str] = set()
        self._loaded_sources = {file.source_id for file in self._known.values()}
        self._files: list[Row] = []
        self._statements: list[Row] = []
        self._lines: list[Path] = []
        self._result = BankResult()

    def run(self) -> BankResult:
        folder = self._request.folder
        mappings, overrides = read_mappings(folder), read_overrides(folder)
        for path in statement_files(folder):
            self._take(path)
        standing = self._standing()
        self._forget(standing)
        rows = {
            STATEMENT_FILES.name: self._files,
            STATEMENTS.name: self._statements,
            ACCOUNT_MAPPINGS.name: mappings,
            MATCH_OVERRIDES.name: overrides,
        }
        if self._stored is None or self._files or not self._are_stored(rows):
            self._load(rows)
            # What stood at the paths that were read anew, or that are gone for good.
            paths = {row["path"] for row in self._files}
            replaced = {source_id for path, source_id, _ in standing if path in paths}
            self._request.raw.drop_statement_sources(replaced)
        return self._result

    def _standing(self) -> list[tuple[str, str, str | None]]:
        """Answer path, content and format of all files stored, also those half loaded."""
        if self._stored is None:
            return []
        columns = ["path", "source_id", "format"]
        rows = self._request.raw.rows_of("bank.statement_files", columns)
        return [(path, source_id, file_format) for path, source_id, file_format in rows]

    def _take(self, path: Path) -> None:
        """Read a file, unless what stands there was read before."""
        name = storable(path.relative_to(self._request.folder).as_posix())
        try:
            profiles = [] if _is_recognised(path) else self._profiles.paths_for(path)
            source_id = source_id_of(path, profiles)
        except _NOT_PERMITTED:
            source_id = f"{_NOTHING_READ}{name}"
        except FileNotFoundError:  # it was moved away since the folder was listed
            return
        self._here.add(name)
        known = self._known.get(name)
        if known is None or known.source_id != source_id:
            reason = self._read(path, name, source_id)
        else:
            reason = known.reason
        self._result.files += 1
        if reason is not None:
            self._result.not_whole[name] = reason

    def _read(self, path: Path, name: str, source_id: str) -> str | None:
        """Read a file to its end; answer why it is not whole, if it is not."""
        content = _Content(_SpooledLines(self._spool / f"{len(self._files)}.parquet", source_id))
        reason = content.read(path, self._profiles)
        self._result.files_read += 1
        if source_id not in self._loaded_sources:
            self._loaded_sources.add(source_id)
            self._statements += [
                _statement_row(source_id, number, statement)
                for number, statement in enumerate(content.statements, start=1)
            ]
            if reason is None and content.lines.count:
                self._lines.append(content.lines.path)
                self._result.lines_loaded += content.lines.count
        self._files.append(
            {
                "path": name,
                "source_id": source_id,
                "format": content.format,
                "is_whole": reason is None,
                "reason": reason,
                "statement_count": len(content.statements),
                "line_count": sum(statement.lines for statement in content.statements),
                "byte_count": content.byte_count,
            }
        )
        return reason

    def _forget(self, standing: list[tuple[str, str, str | None]]) -> None:
        """Forget files that are gone: those never read whole, and all if everything is read."""
        stored = {} if self._request.full or self._stored is None else self._stored
        kept = {path for path, file in stored.items() if _NOTHING_READ not in file.source_id}
        self._files += [
            {"path": path, "source_id": source_id, "is_gone": True}
            for path, source_id, file_format in standing
            if path not in kept | self._here and file_format != OTHER_FEED
        ]

    def _are_stored(self, rows: dict[str, list[Row]]) -> bool:
        """Tell whether what the user said is what the warehouse holds."""
        return all(
            Counter(self._request.raw.rows_of(f"bank.{table.name}", list(table.columns)))
            == Counter(tuple(row[name] for name in table.columns) for row in rows[table.name])
            for table in (ACCOUNT_MAPPINGS, MATCH_OVERRIDES)
        )

    def _load(self, rows: dict[str, list[Row]]) -> None:
        pipeline = dlt.pipeline(
            "bank_statements",
            pipelines_dir=str(self._request.pipelines_dir / "dlt"),
            destination=destination_of(self._request.raw),
            dataset_name="bank",
        )
        try:
            pipeline.run(bank_statements(rows, self._lines, only_adds=self._request.raw.only_adds))
        except (PipelineStepFailed, pa.ArrowException) as failure:
            reason = failure.exception if isinstance(failure, PipelineStepFailed) else failure
            raise LoadError(
                f"The bank statements could not be written to the warehouse: {reason}. Run again."
            ) from failure


class _Profiles:
    """The CSV profiles of files; each folder is looked through once."""

    def __init__(self) -> None:
        self._paths: dict[Path, list[Path]] = {}
        self._loaded: dict[Path, CsvProfile] = {}

    def paths_for(self, path: Path) -> list[Path]:
        """Answer where a file's profiles lie, the nearest first."""
        folder = path.resolve().parent
        if folder not in self._paths:
            self._paths[folder] = profile_paths_for(path)
        return self._paths[folder]

    def of(self, path: Path) -> list[CsvProfile]:
        """Answer a file's profiles, the nearest first.

        Raises:
            UnreadableStatementError: one of them is no profile, or can't be read.
        """
        return [self._profile(file) for file in self.paths_for(path)]

    def _profile(self, file: Path) -> CsvProfile:
        if file not in self._loaded:
            self._loaded[file] = load_profile(file)
        return self._loaded[file]


def _is_recognised(path: Path) -> bool:
    """Tell whether a file's format is known without a profile."""
    try:
        read_statements(path, [])
    except UnreadableStatementError:
        return False
    return True


class _Content:
    """What one file holds, its lines on disk."""

    def __init__(self, lines: _SpooledLines) -> None:
        self.lines = lines
        self.statements: list[Statement] = []
        self.format: str | None = None
        self.byte_count: int | None = None

    def read(self, path: Path, profiles: _Profiles) -> str | None:
        """Read a file to its end; answer why it is not whole, if it is not."""
        try:
            self._read(path, profiles)
        except UnreadableStatementError as error:
            return storable(str(error))
        except _NOT_PERMITTED:
            return "this user may not read it"
        except _NOT_HELD as error:
            return storable(f"it can't be read: {error}")
        return next((reason for reason in map(_reason, self.statements) if reason), None)

    def _read(self, path: Path, profiles: _Profiles) -> None:
        self.byte_count = path.stat().st_size
        # A CSV profile that is wrong matters to nothing that is recognised without one.
        known = [] if _is_recognised(path) else profiles.of(path)
        self.format, items = read_statements(path, known)
        for item in items:
            if isinstance(item, Statement):
                self.statements.append(item)
            else:
                self.lines.add(item)
        self.lines.close()


def _reason(statement: Statement) -> str | None:
    """Answer why a statement is not whole; none if it is."""
    if abs(statement.sum_minor) > _MOST_MINOR_UNITS:
        return f"its lines add up to {statement.sum_minor}, which is too much to be money"
    return None if statement.reason is None else storable(statement.reason)


class _SpooledLines:
    """The lines of one file, on disk until it is known to be whole."""

    def __init__(self, path: Path, source_id: str) -> None:
        self.path = path
        self.count = 0
        self._source_id = source_id
        self._chunk: list[Row] = []
        self._writer: pq.ParquetWriter | None = None

    def add(self, line: StatementLine) -> None:
        """Add a line."""
        self.count += 1
        self._chunk.append(_line_row(self._source_id, self.count, line))
        if len(self._chunk) >= _LINES_IN_CHUNK:
            self._press()

    def close(self) -> None:
        """Write what is left."""
        self._press()
        if self._writer is not None:
            self._writer.close()

    def _press(self) -> None:
        if not self._chunk:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, STATEMENT_LINES.schema)
        self._writer.write_table(pa.Table.from_pylist(self._chunk, STATEMENT_LINES.schema))
        self._chunk = []


def _line_row(source_id: str, number: int, line: StatementLine) -> Row:
    return {
        "source_id": source_id,
        "line_number": number,
        "bank_account_id": line.account,
        "currency": line.currency,
        "amount_minor": line.amount_minor,
        "posted_date": line.posted_date,
        "value_date": line.value_date,
        "is_booked": line.is_booked,
        "bank_reference": line.reference,
        "end_to_end_id": line.end_to_end_id,
        "counterparty": line.counterparty,
        "description": line.description,
        "type_code": line.type_code,
        "source_line": line.source_line,
    }


def _statement_row(source_id: str, number: int, statement: Statement) -> Row:
    return {
        "source_id": source_id,
        "statement_number": number,
        "bank_account_id": statement.account or None,
        "currency": statement.currency or None,
        "opening_minor": statement.opening_minor,
        "closing_minor": statement.closing_minor,
        "sum_minor": None if abs(statement.sum_minor) > _MOST_MINOR_UNITS else statement.sum_minor,
        "line_count": statement.lines,
        "period_from": statement.period_from,
        "period_through": statement.period_through,
        "is_whole": _reason(statement) is None,
        "reason": _reason(statement),
    }
