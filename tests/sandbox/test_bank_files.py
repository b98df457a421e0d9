"""The folder of statements: whole for every reader, the same every time, and never rewritten."""

import csv
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from loader.bank_formats.reading import check_file, profiles_for, read_statements
from loader.bank_formats.statement import Statement, StatementLine
from loader.sandbox.bank.accounts import BANK_ACCOUNTS, BankAccount
from loader.sandbox.bank.books import BankBook, bank_books
from loader.sandbox.bank.files import BANK_ACCOUNTS_FILE, bank_files, write_bank_files
from loader.sandbox.bank.formats import Format
from loader.sandbox.options import SandboxOptions
from loader.sandbox.process import SandboxProcess, SandboxStartError
from loader.sandbox.scenario.cast import account_id

from .conftest import AS_OF, STORY

LAST_DAY = date(2026, 3, 31)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default story's statements."""
    path = tmp_path_factory.mktemp("bank")
    write_bank_files(path, STORY)
    return path


@pytest.fixture(scope="module")
def books() -> dict[str, BankBook]:
    return {book.bank.key: book for book in bank_books(STORY)}


def statement_files(folder: Path, key: str) -> list[Path]:
    return [path for path in sorted(folder.glob(f"{key}-20*")) if path.suffix != ".yml"]


def lines_of(path: Path) -> list[StatementLine]:
    _, items = read_statements(path, profiles_for(path))
    return [item for item in items if isinstance(item, StatementLine)]


def statements_of(path: Path) -> list[Statement]:
    return check_file(path, profiles_for(path)).statements


def test_every_file_is_whole_and_of_its_format(folder: Path) -> None:
    for bank in BANK_ACCOUNTS:
        paths = statement_files(folder, bank.key)
        assert len(paths) == 3
        for path in paths:
            found = check_file(path, profiles_for(path))
            assert (found.format, found.whole) == (bank.format.value, True)
            assert {one.account for one in found.statements} == {bank.number}
            assert {one.currency for one in found.statements} == {bank.currency}
    assert {bank.format for bank in BANK_ACCOUNTS} == set(Format)


@pytest.mark.parametrize("bank", BANK_ACCOUNTS, ids=lambda bank: bank.key)
def test_the_files_hold_exactly_the_entries(
    bank: BankAccount, folder: Path, books: dict[str, BankBook]
) -> None:
    book = books[bank.key]
    read = {
        line.reference: line
        for path in statement_files(folder, book.bank.key)
        for line in lines_of(path)
    }
    written = {entry.reference: entry for entry in book.entries}
    assert len(written) == len(book.entries) > 30
    assert set(read) == set(written)
    for reference, entry in written.items():
        line = read[reference]
        assert (line.amount_minor, line.posted_date) == (entry.amount_minor, entry.posted)
        assert line.is_booked
        assert entry.text in line.description
        if entry.counterparty:
            assert line.counterparty == entry.counterparty[:54]
        if book.bank.format is Format.CAMT:
            assert line.end_to_end_id == entry.end_to_end_id


def test_periods_and_balances_follow_one_another(folder: Path, books: dict[str, BankBook]) -> None:
    for key, book in books.items():
        statements = [one for path in statement_files(folder, key) for one in statements_of(path)]
        assert statements[0].opening_minor in {book.bank.opening_minor, None}
        if book.bank.format in {Format.CSV, Format.OFX}:  # of which neither states both
            continue
        assert statements[0].period_from == STORY.first_day
        assert statements[-1].period_through == LAST_DAY
        for before, after in pairwise(statements):
            assert before.closing_minor == after.opening_minor
            assert before.period_through is not None
            assert after.period_from == before.period_through + timedelta(days=1)


def test_a_csv_goes_on_from_the_balance_of_the_month_before(folder: Path) -> None:
    statements = [
        one for path in statement_files(folder, "harbor-usd") for one in statements_of(path)
    ]
    for before, after in pairwise(statements):
        assert before.closing_minor == after.opening_minor is not None


def test_downloads_of_ofx_overlap(folder: Path) -> None:
    january, february, _ = statement_files(folder, "summit-usd")
    (earlier,), (later,) = statements_of(january), statements_of(february)
    assert (earlier.period_from, earlier.period_through) == (date(2026, 1, 1), date(2026, 1, 31))
    assert (later.period_from, later.period_through) == (date(2026, 1, 27), date(2026, 2, 28))
    twice = {line.reference for line in lines_of(january)} & {
        line.reference for line in lines_of(february)
    }
    assert twice


def test_a_bai2_file_has_a_statement_for_each_day(folder: Path) -> None:
    february = statement_files(folder, "platform-usd")[1]
    days = [one.period_from for one in statements_of(february)]
    assert days == [date(2026, 2, 1) + timedelta(days=number) for number in range(28)]


def test_the_mapping_names_connected_accounts_alone(
    folder: Path, books: dict[str, BankBook]
) -> None:
    with (folder / BANK_ACCOUNTS_FILE).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["account_id"] for row in rows] == [
        account_id(STORY.seed, actor) for actor in ("harbor", "atelier", "summit")
    ]
    for row in rows:
        book = next(book for book in books.values() if book.holder.id == row["account_id"])
        assert row["destination_id"] == book.holder.destinations[row["currency"]]
        assert row["bank_account_id"] == book.bank.number
        assert row["marker"] == ""


def test_the_process_writes_the_same_before_it_answers(tmp_path: Path) -> None:
    with SandboxProcess(STORY, tmp_path / "bank"):
        found = {
            path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "bank").iterdir()
        }
    assert found == bank_files(STORY)


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    in_the_way = tmp_path / "bank"
    in_the_way.write_text("a file", encoding="utf-8")
    with (
        pytest.raises(SandboxStartError, match="bank statements can't be written"),
        SandboxProcess(STORY, in_the_way),
    ):
        pass


@pytest.mark.parametrize("days", [1, 20, 40])
def test_history_stays_as_days_pass(days: int, tmp_path: Path) -> None:
    as_of = AS_OF - timedelta(days=12)
    before = replace(STORY, as_of=as_of)
    write_bank_files(tmp_path, before)
    old = {path: path.read_bytes() for path in tmp_path.iterdir()}
    old_lines = {path: lines_of(path) for key in keys() for path in statement_files(tmp_path, key)}
    write_bank_files(tmp_path, replace(STORY, as_of=as_of + timedelta(days=days)))
    for path, content in old.items():
        if f"{as_of:%Y-%m}" not in path.name:
            assert path.read_bytes() == content
    for path, lines in old_lines.items():
        by_reference = {line.reference: line for line in lines_of(path)}
        assert len(by_reference) >= len(lines)
        for line in lines:
            now = by_reference[line.reference]
            assert replace(now, source_line=None) == replace(line, source_line=None)
    grown = statement_files(tmp_path, "platform-usd")
    assert statements_of(grown[-1])[-1].period_through == as_of.date() + timedelta(days=days - 1)


def keys() -> list[str]:
    return [bank.key for bank in BANK_ACCOUNTS]


def test_discrepancies_at_stripe_leave_the_banks_alone() -> None:
    assert bank_files(replace(STORY, broken=True)) == bank_files(STORY)


def test_another_seed_is_another_history() -> None:
    other = bank_files(replace(STORY, seed=2))
    assert other["platform-usd-2026-02.bai"] != bank_files(STORY)["platform-usd-2026-02.bai"]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    write_bank_files(tmp_path, STORY)
    mine = tmp_path / "my-own-bank.csv"
    mine.write_text("Date,Amount\n", encoding="utf-8")
    spoilt = tmp_path / "platform-eur-2026-02.xml"
    spoilt.write_text("<Document/>", encoding="utf-8")
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_bank_files(tmp_path, STORY)
    again = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert set(again) == set(times)
    assert {path for path in times if again[path] != times[path]} == {spoilt}


@pytest.mark.parametrize(
    "options",
    [
        SandboxOptions.sized(as_of=AS_OF, accounts=2, days=5, transactions_per_day=3),
        replace(STORY, first_day=AS_OF.date()),
    ],
)
def test_no_statements_without_a_story_or_a_day_that_is_over(
    options: SandboxOptions, tmp_path: Path
) -> None:
    write_bank_files(tmp_path / "bank", options)
    assert not (tmp_path / "bank").exists()
