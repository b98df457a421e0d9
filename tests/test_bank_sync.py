"""From files in a folder to raw rows: each real line once, each file whole or not at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loader.bank_sync import BankRequest, BankResult, sync_bank
from loader.sandbox.bank.bank_csv import csv_profile
from loader.sandbox.bank.formats import WRITERS, Format
from loader.sandbox.bank.statement import BankEntry, BankStatement
from loader.settings import SettingsError
from loader.warehouse import Warehouse
from tests.runs import rows

PROFILE = csv_profile("1", "eur")


def entry(amount: int, day: int, reference: str, text: str) -> BankEntry:
    posted = date(2026, 1, day)
    return BankEntry(amount_minor=amount, posted=posted, reference=reference, text=text)


JANUARY = [
    entry(10_000, 5, "R1", "STRIPE PAYOUT 1"),
    entry(-2_500, 6, "R2", "RENT"),
    entry(10_000, 7, "R3", "STRIPE PAYOUT 2"),
]


def written(format_: Format, entries: list[BankEntry]) -> str:
    """Answer a statement of January."""
    return WRITERS[format_](
        BankStatement(
            number="1",
            currency="eur",
            since=date(2026, 1, 1),
            through=date(2026, 1, 31),
            opening_minor=123_45,
            entries=entries,
        )
    )


def off_by_a_cent(format_: Format) -> str:
    """Answer it with another amount in its last entry, and the totals as they were."""
    changed = [*JANUARY[:2], entry(10_001, 7, "R3", "STRIPE PAYOUT 2")]
    pairs = zip(
        written(format_, JANUARY).splitlines(), written(format_, changed).splitlines(), strict=True
    )
    if format_ is Format.CSV:  # the balance of the line after it would tell
        return written(format_, JANUARY).replace("-25.00", "-25.01", 1)
    return "\n".join(other if "R3" in line else line for line, other in pairs)


LINES = (
    "select bank_account_id, currency, posted_date, amount_minor, bank_reference "
    "from bank.statement_lines order by all"
)
FILES = "select path, format, is_whole, reason from bank.statement_files order by path"


class Folder:
    """A folder of statements and the warehouse that it is read into."""

    def __init__(self, root: Path) -> None:
        self.path = root / "bank"
        self.path.mkdir()
        self.warehouse = root / "warehouse.duckdb"
        self._pipelines = root / "dlt_bank"

    def put(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def sync(self, *, full: bool = False) -> BankResult:
        request = BankRequest(self.path, Warehouse(self.warehouse), self._pipelines, full)
        return sync_bank(request)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.warehouse, query)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_all_formats_load_the_same_lines(folder: Folder) -> None:
    folder.put("a.profile.yml", PROFILE)
    folder.put("one.txt", written(Format.BAI2, JANUARY))
    folder.put("deep/er/two", written(Format.CAMT, JANUARY))
    folder.put("three ü.dat", written(Format.CSV, JANUARY))
    folder.put("four.xml", written(Format.MT940, JANUARY))
    folder.put("five.csv", written(Format.OFX, JANUARY))
    result = folder.sync()
    assert (result.files, result.not_whole, result.lines_loaded) == (5, {}, 15)
    assert [row[1] for row in folder.rows(FILES)] == ["camt", "ofx", "mt940", "bai2", "csv"]
    amounts = [row[2:4] for row in folder.rows(LINES)]
    assert amounts == sorted((e.posted, e.amount_minor) for e in JANUARY for _ in range(5))


def test_what_did_not_change_is_not_read_again(folder: Folder) -> None:
    folder.put("one.bai", written(Format.BAI2, JANUARY))
    folder.sync()
    before = folder.rows("from bank._dlt_loads")
    result = folder.sync()
    assert (result.files, result.files_read) == (1, 0)
    assert folder.rows("from bank._dlt_loads") == before


def test_one_content_at_two_paths_loads_its_lines_once(folder: Folder) -> None:
    folder.put("one.bai", written(Format.BAI2, JANUARY))
    folder.put("copy/one.bai", written(Format.BAI2, JANUARY))
    assert folder.sync().lines_loaded == 3
    assert len(folder.rows(FILES)) == 2
    assert len(folder.rows(LINES)) == 3


def test_a_replaced_file_stands_for_its_new_content(folder: Folder) -> None:
    folder.put("one.bai", written(Format.BAI2, JANUARY))
    folder.sync()
    folder.put("one.bai", written(Format.BAI2, JANUARY[:2]))
    assert folder.sync().files_read == 1
    assert [row[4] for row in folder.rows(LINES)] == ["R1", "R2"]
    assert folder.rows("select count(distinct source_id) from bank.statements") == [(1,)]


def test_a_file_that_is_gone_counts_until_all_is_read_again(folder: Folder) -> None:
    file = folder.put("one.bai", written(Format.BAI2, JANUARY))
    folder.put("two.bai", written(Format.BAI2, JANUARY[:1]))
    folder.sync()
    with duckdb.connect(str(folder.warehouse)) as connection:
        connection.execute(
            "insert into bank.statement_files by name "
            "select 'plaid' as path, 'p1' as source_id, 'feed' as format, true as is_whole"
        )
    file.unlink()
    folder.sync()
    assert [row[0] for row in folder.rows(FILES)] == ["one.bai", "plaid", "two.bai"]
    folder.sync(full=True)
    assert [row[0] for row in folder.rows(FILES)] == ["plaid", "two.bai"]
    assert len(folder.rows(LINES)) == 1


@pytest.mark.parametrize("format_", [f for f in Format if f is not Format.OFX])
def test_a_file_that_does_not_add_up_is_left_out_whole(folder: Folder, format_: Format) -> None:
    folder.put("a.profile.yml", PROFILE)
    folder.put("bad", off_by_a_cent(format_))
    folder.put("good", written(Format.OFX, JANUARY))
    result = folder.sync()
    assert list(result.not_whole) == ["bad"]
    assert result.lines_loaded == 3
    assert [row[2] for row in folder.rows(FILES)] == [False, True]
    ((reason,),) = folder.rows("select reason from bank.statements where not is_whole limit 1")
    assert reason
    folder.put("bad", written(format_, JANUARY))
    assert folder.sync().not_whole == {}


def test_what_can_not_be_read_is_told_and_the_rest_is_loaded(folder: Folder) -> None:
    folder.put("empty.csv", "")
    folder.put("letter.pdf", "%PDF-1.4\n...")
    (folder.path / "nul").write_bytes(b"OFXHEADER:100\0\0\0")
    folder.put("bomb.xml", '<!DOCTYPE x [<!ENTITY a "b">]><Document>&a;</Document>')
    folder.put("good", written(Format.OFX, JANUARY))
    (folder.path / "loop").symlink_to(folder.path)
    result = folder.sync()
    assert sorted(result.not_whole) == ["bomb.xml", "empty.csv", "letter.pdf", "nul"]
    assert result.lines_loaded == 3


def test_what_is_no_statement_by_its_name_is_left_alone(folder: Folder) -> None:
    for name in (".DS_Store", ".git/config", "~$open.csv", "bank.profile.yml"):
        folder.put(name, PROFILE)
    result = folder.sync()
    assert (result.files, folder.rows(FILES)) == (0, [])


def test_a_csv_waits_for_its_profile(folder: Folder) -> None:
    folder.put("january.csv", written(Format.CSV, JANUARY))
    assert list(folder.sync().not_whole) == ["january.csv"]
    folder.put("own.profile.yml", PROFILE)
    result = folder.sync()
    assert (result.not_whole, result.lines_loaded) == ({}, 3)
    folder.put("own.profile.yml", "nonsense: [")
    folder.put("other.ofx", written(Format.OFX, JANUARY))
    result = folder.sync()
    assert list(result.not_whole) == ["january.csv"]
    assert "own.profile.yml" in result.not_whole["january.csv"]


def test_a_file_whose_load_was_cut_short_is_read_again(folder: Folder) -> None:
    folder.put("one.bai", written(Format.BAI2, JANUARY))
    folder.sync()
    with duckdb.connect(str(folder.warehouse)) as connection:
        connection.execute("delete from bank._dlt_loads")
        connection.execute("delete from bank.statement_lines where bank_reference = 'R2'")
    assert folder.sync().files_read == 1
    assert len(folder.rows(LINES)) == 3


def test_what_the_user_says_is_stored_as_it_stands(folder: Folder) -> None:
    folder.put(
        "bank_accounts.csv",
        "account_id,destination_id,currency,bank_account_id,marker\n,ba_1,USD,1,\nacct_1,,,2,PSP\n",
    )
    folder.put("match_overrides.csv", "payout_id,bank_statement_line_id\npo_1,l1\n,l2\n")
    folder.sync()
    said = folder.rows(
        "select account_id, destination_id, currency, bank_account_id, marker "
        "from bank.account_mappings order by line_number"
    )
    assert said == [(None, "ba_1", "usd", "1", None), ("acct_1", None, None, "2", "PSP")]
    decided = folder.rows("select payout_id, bank_statement_line_id from bank.match_overrides")
    assert sorted(decided, key=str) == [("po_1", "l1"), (None, "l2")]
    (folder.path / "bank_accounts.csv").unlink()
    folder.sync()
    assert folder.rows("from bank.account_mappings") == []


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("bank_accounts.csv", "iban\nDE1\n", "a column iban"),
        ("bank_accounts.csv", "account_id,bank_account_id\nacct_1,\n", "line 2"),
        ("bank_accounts.csv", "currency,bank_account_id\nusd,1\n", "line 2"),
        ("bank_accounts.csv", "account_id,bank_account_id,marker\na,1,(\n", "regular expression"),
        ("bank_accounts.csv", "account_id,bank_account_id\na,1\na,2\n", "lines 2 and 3"),
        ("match_overrides.csv", "payout_id,bank_statement_line_id\npo_1,\n", "line 2"),
    ],
)
def test_what_the_user_says_wrongly_is_told_with_its_line(
    folder: Folder, name: str, text: str, told: str
) -> None:
    folder.put(name, text)
    with pytest.raises(SettingsError, match=told):
        folder.sync()
