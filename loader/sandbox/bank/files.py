"""The folder of statements: one file for each bank account and month."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from loader.sandbox.bank.accounts import BANK_ACCOUNTS
from loader.sandbox.bank.bank_csv import csv_profile
from loader.sandbox.bank.books import BankBook, bank_books
from loader.sandbox.bank.formats import SUFFIXES, WRITERS, Format
from loader.sandbox.options import SandboxOptions

BANK_ACCOUNTS_FILE = "bank_accounts.csv"
_HEADER = ("account_id", "destination_id", "currency", "bank_account_id", "marker")

#: Who downloads OFX by hand asks for some days that were in the file before.
_OVERLAP_DAYS = {Format.OFX: 5}


def write_bank_files(folder: Path, options: SandboxOptions) -> None:
    """Bring a folder up to date; other files in it, and files that need no change, stay as is."""
    files = bank_files(options)
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _replace(folder / name, content.encode())


def remove_bank_files(folder: Path) -> None:
    """Remove what was written into a folder for any story; files of other names stay."""
    (folder / BANK_ACCOUNTS_FILE).unlink(missing_ok=True)
    for bank in BANK_ACCOUNTS:
        (folder / f"{bank.key}.profile.yml").unlink(missing_ok=True)
        for path in folder.glob(f"{bank.key}-[0-9][0-9][0-9][0-9]-[0-9][0-9].*"):
            path.unlink()


def bank_files(options: SandboxOptions) -> dict[str, str]:
    """Return the content of each file by its name; none of a platform without statements."""
    books = bank_books(options)
    if not books:
        return {}
    files = {BANK_ACCOUNTS_FILE: _mapping(books)}
    for book in books:
        files |= _files_of(book)
    return files


def _files_of(book: BankBook) -> dict[str, str]:
    bank = book.bank
    files = {}
    if bank.format is Format.CSV:
        files[f"{bank.key}.profile.yml"] = csv_profile(bank.number, bank.currency)
    overlap = timedelta(days=_OVERLAP_DAYS.get(bank.format, 0))
    for since, through in _months(book.since, book.through):
        statement = book.statement(max(book.since, since - overlap), through)
        name = f"{bank.key}-{since:%Y-%m}.{SUFFIXES[bank.format]}"
        files[name] = WRITERS[bank.format](statement)
    return files


def _months(since: date, through: date) -> Iterator[tuple[date, date]]:
    """Yield the first and last day of each calendar month, as far as they lie in a period."""
    while since <= through:
        following = (since.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield since, min(through, following - timedelta(days=1))
        since = following


def _mapping(books: Sequence[BankBook]) -> str:
    """Return which bank account belongs to which payout destination of a connected account."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_HEADER)
    for book in books:
        holder, currency = book.holder, book.bank.currency
        if not holder.is_platform:
            destination = holder.destinations[currency]
            writer.writerow((holder.id, destination, currency, book.bank.number, ""))
    return file.getvalue()


def _replace(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(content)
    unfinished.replace(path)
