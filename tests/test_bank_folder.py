"""A folder of statements as people and machines treat it: whatever happens, each line counts once.

Real files, dlt and DuckDB. `test_bank_sync.py` holds the plain cases.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loader.sandbox.bank.bank_csv import csv_profile
from loader.sandbox.bank.formats import WRITERS, Format
from loader.sandbox.bank.statement import BankEntry, BankStatement
from loader.settings import SettingsError
from loader.sources.bank_statements import bank_statements
from loader.sources.bank_tables import BANK_TABLES, STATEMENT_LINES
from tests.test_bank_sync import FILES, JANUARY, LINES, PROFILE, Folder, entry, written

LOADS = "select count(*) from bank._dlt_loads"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def loads(folder: Folder) -> int:
    """Answer how many packages dlt has loaded."""
    ((count,),) = folder.rows(LOADS)
    return int(count)


def current(folder: Folder, columns: str) -> list[tuple[Any, ...]]:
    """Answer columns of the lines that a path stands for."""
    return folder.rows(
        f"select {columns} from bank.statement_lines "
        "where source_id in (select source_id from bank.statement_files) order by all"
    )


def amounts(folder: Folder) -> list[int]:
    return [amount for (amount,) in current(folder, "amount_minor")]


def bank_tables(folder: Folder) -> dict[str, list[tuple[Any, ...]]]:
    """Answer all that counts in the tables of the bank."""
    counts = "where source_id in (select source_id from bank.statement_files)"
    return {
        table.name: folder.rows(
            f"select {', '.join(table.columns)} from bank.{table.name} "
            f"{counts if 'source_id' in table.columns else ''} order by all"
        )
        for table in BANK_TABLES
    }


def one_of_each(folder: Folder, entries: list[BankEntry]) -> None:
    """Put a statement in each format into a folder."""
    folder.put("any.profile.yml", PROFILE)
    for format_ in Format:
        folder.put(f"{format_}.dat", written(format_, entries))


# What lies in the folder


def test_files_of_any_name_are_known_by_their_content(folder: Folder) -> None:
    names = [
        "with space.ofx",
        "-rf",
        "100 % 'quoted' \"twice\".txt",
        "Auszug März 🏦.pdf",
        "a/b/c/d/e/f/g",
        "no.profile.yml.txt",
        "n" * 250,
        os.fsdecode(b"Ausz\xfcge/M\xe4rz.sta"),
    ]
    for number, name in enumerate(names):
        folder.put(name, written(Format.OFX, [entry(100 + number, 5, f"R{number}", "PAYOUT")]))
    result = folder.sync()
    assert (result.files, result.not_whole) == (len(names), {})
    assert amounts(folder) == list(range(100, 100 + len(names)))
    stored = {row[0] for row in folder.rows(FILES)}
    assert stored == {*names[:-1], r"Ausz\udcfcge/M\udce4rz.sta"}
    again = folder.sync()
    assert (again.files_read, loads(folder)) == (0, 1)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_without_files_makes_empty_tables_once(folder: Folder, is_there: bool) -> None:
    if not is_there:
        folder.path.rmdir()
    for full in (False, False, True):
        assert folder.sync(full=full).files == 0
    assert [len(rows) for rows in bank_tables(folder).values()] == [0] * len(BANK_TABLES)
    assert loads(folder) == 1


def test_a_file_where_the_folder_should_be_is_an_error(folder: Folder) -> None:
    folder.path.rmdir()
    folder.path.write_text(written(Format.OFX, JANUARY))
    with pytest.raises(NotADirectoryError):
        folder.sync()


def test_a_period_without_entries_is_stored_with_its_days(folder: Folder) -> None:
    one_of_each(folder, [])
    result = folder.sync()
    assert (result.files, result.not_whole, result.lines_loaded) == (5, {}, 0)
    periods = folder.rows(
        "select files.format, min(period_from), max(period_through), sum(statements.line_count) "
        "from bank.statement_files as files inner join bank.statements using (source_id) "
        "group by files.format"
    )
    month = (date(2026, 1, 1), date(2026, 1, 31), 0)
    assert {row[0]: row[1:] for row in periods} == {
        **dict.fromkeys(("bai2", "camt", "mt940", "ofx"), month),
        "csv": (None, None, 0),  # its lines say the period
    }


def test_texts_of_any_length_are_kept_whole_or_told(folder: Folder) -> None:
    text = "".join(map(str, range(60_000)))
    one_of_each(folder, [entry(100, 5, "R1", text)])
    mt940 = written(Format.MT940, JANUARY[:1]).replace("STRIPE PAYOUT 1", text)
    folder.put("mt940.dat", mt940)
    result = folder.sync()
    assert list(result.not_whole) == ["csv.dat"]
    assert "field larger" in result.not_whole["csv.dat"]
    kept = [said.replace(" ", "") for (said,) in current(folder, "description")]
    assert [text in said for said in kept] == [True] * 4


def test_texts_are_stored_to_the_character(folder: Folder) -> None:
    said = "Zoë & <Söhne> 'é' \"ß\" 🏦 \\N \\x00 100% {} $1 ; -- \u202e"
    folder.put("one.xml", written(Format.CAMT, [entry(100, 5, "R1", said)]))
    folder.sync()
    assert current(folder, "description") == [(said,)]


# What is no statement


# What the beginning of a file, which says what it is, does not show.
def nul_after(beginning: str) -> bytes:
    head, _, tail = beginning.partition("STRIPE PAYOUT 2")
    return f"{head}{'X' * 5_000}\0{tail}".encode()


def test_nul_bytes_in_the_middle_of_a_file_are_told(folder: Folder) -> None:
    folder.put("any.profile.yml", PROFILE)
    for format_ in Format:
        (folder.path / f"{format_}.bad").write_bytes(nul_after(written(format_, JANUARY)))
    folder.put("good.ofx", written(Format.OFX, JANUARY))
    told = folder.sync().not_whole
    assert amounts(folder) == [-2_500, 10_000, 10_000]
    assert "no well-formed XML" in told.pop("camt.bad")
    assert "no CSV that a profile describes" in told.pop("csv.bad")
    assert told.keys() == {"bai2.bad", "mt940.bad", "ofx.bad"}
    assert set(told.values()) == {"it holds NUL bytes: it is no text"}


STRANGE: dict[str, tuple[bytes, str]] = {
    "letter.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "no OFX, CAMT, MT940 or BAI2"),
    "sheet.xlsx": (b"PK\x03\x04\x14\x00\x06\x00", "ZIP archive"),
    "packed.gz": (b"\x1f\x8b\x08\x08\x00\x00", "NUL bytes"),
    "blank.txt": (b" \r\n\t\n", "it is empty"),
    "page.html": (b"<!DOCTYPE html><html>Please log in</html>", "document type"),
    "cut.xml": (written(Format.CAMT, JANUARY)[:900].encode(), "no well-formed XML"),
    "code.xml": (b'<?xml version="1.0" encoding="UTF-9"?><Document/>', "unknown encoding"),
    "trailer.bai": (
        written(Format.BAI2, JANUARY).encode() + b"99," + b"9" * 5_000 + b",1,1/\n",
        "it can't be read",
    ),
    "riches.ofx": (
        written(Format.OFX, [entry(10**17 - 1, 5, f"R{n}", "A") for n in range(99)]).encode(),
        "too much to be money",
    ),
}


def test_what_is_no_statement_costs_nothing_but_itself(folder: Folder) -> None:
    for name, (content, _) in STRANGE.items():
        (folder.path / name).write_bytes(content)
    folder.put("good.ofx", written(Format.OFX, JANUARY))
    result = folder.sync()
    assert result.not_whole.keys() == STRANGE.keys()
    for name, (_, reason) in STRANGE.items():
        assert reason in result.not_whole[name]
    assert amounts(folder) == [-2_500, 10_000, 10_000]
    stored = {row[0]: row[2:] for row in folder.rows(FILES)}
    assert stored == {
        "good.ofx": (True, None),
        **{name: (False, reason) for name, reason in result.not_whole.items()},
    }
    again = folder.sync()
    assert (again.not_whole, again.files_read, loads(folder)) == (result.not_whole, 0, 1)


def test_links_and_pipes_lead_to_no_loop_and_no_wait(folder: Folder, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.ofx"
    file.write_text(written(Format.OFX, JANUARY))
    deep = folder.path / "deep"
    deep.mkdir()
    (deep / "up").symlink_to(folder.path)
    (deep / "to itself").symlink_to(deep / "to itself")
    (deep / "to nothing").symlink_to(tmp_path / "nothing")
    (deep / "to a file").symlink_to(file)
    os.mkfifo(deep / "pipe")
    result = folder.sync()
    assert (result.files, result.not_whole, result.lines_loaded) == (1, {}, 3)


def test_the_users_own_files_and_hidden_ones_are_no_statements_anywhere(folder: Folder) -> None:
    for name in ("bank_accounts.csv", "match_overrides.csv", ".part.ofx", "x.profile.yml"):
        folder.put(f"deep/{name}", written(Format.OFX, JANUARY))
    folder.put(".hidden/deep/one.ofx", written(Format.OFX, JANUARY))
    assert folder.sync().files == 0


def test_a_file_that_goes_while_the_folder_is_listed_is_not_counted(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder.put("one.ofx", written(Format.OFX, JANUARY))
    listed = [file, folder.path / "two.ofx"]
    monkeypatch.setattr("loader.bank_sync.statement_files", lambda _: listed)
    result = folder.sync()
    assert (result.files, result.lines_loaded) == (1, 3)


# What this user may not read


_FILE_RIGHTS_OF_ROOT = 0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextmanager
def held_to_modes() -> Iterator[None]:
    """Hold this thread to what files' modes say, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    rights = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, rights) == 0
    before = rights[0]
    rights[0] = before & ~_FILE_RIGHTS_OF_ROOT
    assert libc.capset(header, rights) == 0
    try:
        yield
    finally:
        rights[0] = before
        assert libc.capset(header, rights) == 0


def test_what_this_user_may_not_read_is_told_until_he_may(folder: Folder) -> None:
    locked = folder.put("locked.ofx", written(Format.OFX, JANUARY[:1]))
    room, hall = (folder.put(f"{name}/one.ofx", "").parent for name in ("room", "hall"))
    folder.put("open.ofx", written(Format.OFX, JANUARY))
    locked.chmod(0)
    room.chmod(0)
    hall.chmod(0o400)  # its names can be listed, no more
    with held_to_modes():
        result = folder.sync()
        again = folder.sync()
    assert sorted(result.not_whole) == ["hall/one.ofx", "locked.ofx", "room"]
    assert set(result.not_whole.values()) == {"this user may not read it"}
    assert (again.not_whole, again.files_read, loads(folder)) == (result.not_whole, 0, 1)
    assert amounts(folder) == [-2_500, 10_000, 10_000]
    for path in (locked, room, hall):
        path.chmod(0o700)
    folder.put("hall/one.ofx", "").unlink()
    assert list(folder.sync().not_whole) == ["room/one.ofx"]
    assert [row[0] for row in folder.rows(FILES)] == ["locked.ofx", "open.ofx", "room/one.ofx"]
    assert amounts(folder) == [-2_500, 10_000, 10_000, 10_000]


def test_a_folder_that_this_user_may_not_read_is_an_error(folder: Folder) -> None:
    folder.put("one.ofx", written(Format.OFX, JANUARY))
    folder.path.chmod(0o300)
    with held_to_modes(), pytest.raises(PermissionError):
        folder.sync()
    folder.path.chmod(0o700)


def test_a_list_of_the_users_own_that_may_not_be_read_is_a_wrong_setting(folder: Folder) -> None:
    folder.put("bank_accounts.csv", "account_id,bank_account_id\na,1\n").chmod(0)
    with held_to_modes(), pytest.raises(SettingsError, match=r"bank_accounts\.csv can't be read"):
        folder.sync()


# Profiles


def test_a_profile_that_changes_is_for_csv_alone(folder: Folder) -> None:
    one_of_each(folder, JANUARY)
    folder.put("copy/again.ofx", written(Format.OFX, JANUARY))
    folder.sync()
    folder.put("any.profile.yml", csv_profile("2", "usd"))
    folder.put("copy/more.profile.yml", PROFILE)
    result = folder.sync()
    assert (result.files, result.files_read, result.lines_loaded) == (6, 1, 3)
    accounts = current(folder, "distinct bank_account_id, currency")
    assert accounts == [("1", "eur"), ("2", "usd")]
    assert len(folder.rows(LINES)) == 15


def test_the_nearest_profile_that_fits_is_taken(folder: Folder) -> None:
    folder.put("any.profile.yml", csv_profile("far", "eur"))
    folder.put("a/b/any.profile.yml", csv_profile("near", "eur"))
    folder.put("a/b/other.profile.yml", PROFILE.replace("Posting Date", "No Such Column"))
    folder.put("a/one.csv", written(Format.CSV, JANUARY))
    folder.put("a/b/c/two.csv", written(Format.CSV, JANUARY))
    assert folder.sync().not_whole == {}
    assert current(folder, "bank_account_id") == [("far",)] * 3 + [("near",)] * 3


def is_a_folder(path: Path) -> None:
    path.mkdir()


def leads_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def may_not_be_read(path: Path) -> None:
    path.write_text(PROFILE)
    path.chmod(0)


def says(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text)

    return write


BROKEN = {
    "a folder": is_a_folder,
    "a link to nothing": leads_nowhere,
    "locked": may_not_be_read,
    "no YAML": says("columns: ["),
    "empty": says(""),
    "a date that is none": says("account: 2026-13-45\n" + PROFILE),
    "a mark of two signs": says(PROFILE + 'delimiter: "::"\n'),
    "an unknown key": says(PROFILE + "speling: 1\n"),
}


def test_a_broken_profile_matters_to_csv_alone(folder: Folder) -> None:
    for number, (kind, break_) in enumerate(BROKEN.items()):
        for format_ in Format:
            entries = [entry(100 + number, 5, "R1", kind)]
            folder.put(f"{kind}/{format_}.dat", written(format_, entries))
        break_(folder.path / kind / "any.profile.yml")
    with held_to_modes():
        result = folder.sync()
    assert result.not_whole.keys() == {f"{kind}/csv.dat" for kind in BROKEN}
    for name, reason in result.not_whole.items():
        assert "any.profile.yml" in reason or "delimiter" in reason, name
    assert result.lines_loaded == 4 * len(BROKEN)
    (folder.path / "a folder/any.profile.yml").rmdir()
    folder.put("a folder/any.profile.yml", PROFILE)
    assert "a folder/csv.dat" not in folder.sync().not_whole


# What stands at a path


def test_the_content_that_stands_at_a_path_is_the_one_that_counts(folder: Folder) -> None:
    one_of_each(folder, JANUARY)
    folder.sync()
    one_of_each(folder, JANUARY[:2])
    result = folder.sync()
    assert (result.files_read, result.lines_loaded) == (5, 10)
    assert amounts(folder) == [-2_500] * 5 + [10_000] * 5
    for format_ in Format:
        folder.put(f"{format_}.dat", "it is gone")
    assert len(folder.sync().not_whole) == 5
    assert amounts(folder) == []
    one_of_each(folder, JANUARY)
    assert folder.sync().not_whole == {}
    assert amounts(folder) == [-2_500] * 5 + [10_000] * 10


def test_a_file_that_is_moved_counts_once(folder: Folder) -> None:
    file = folder.put("new.ofx", written(Format.OFX, JANUARY))
    folder.sync()
    (folder.path / "2026").mkdir()
    file.rename(folder.path / "2026/january.ofx")
    result = folder.sync()
    assert (result.files, result.files_read, result.lines_loaded) == (1, 1, 0)
    assert amounts(folder) == [-2_500, 10_000, 10_000]
    folder.sync(full=True)
    assert [row[0] for row in folder.rows(FILES)] == ["2026/january.ofx"]
    assert amounts(folder) == [-2_500, 10_000, 10_000]


def test_a_path_that_is_used_again_keeps_what_was_put_away(folder: Folder) -> None:
    latest = folder.put("latest.csv", written(Format.CSV, JANUARY))
    folder.put("any.profile.yml", PROFILE)
    folder.sync()
    latest.rename(folder.path / "january.csv")
    folder.put("latest.csv", written(Format.CSV, [entry(7, 20, "R9", "NEW")]))
    folder.sync()
    assert amounts(folder) == [-2_500, 7, 10_000, 10_000]
    assert len(folder.rows(LINES)) == 4


def test_contents_count_as_long_as_one_path_has_them(folder: Folder) -> None:
    paths = [folder.put(name, written(Format.BAI2, JANUARY)) for name in ("one", "b/two")]
    folder.sync()
    for left, path in ((3, paths[0]), (0, paths[1])):
        path.unlink()
        assert folder.sync().files_read == 0
        assert len(amounts(folder)) == 3
        folder.sync(full=True)
        assert len(folder.rows(LINES)) == left


def test_reading_all_again_changes_nothing(folder: Folder) -> None:
    one_of_each(folder, JANUARY)
    folder.put("bad.xml", written(Format.CAMT, JANUARY).replace("100.00", "100.01", 1))
    folder.put("bank_accounts.csv", "account_id,bank_account_id\na,1\n")
    folder.sync()
    before = bank_tables(folder)
    assert [len(rows) for rows in before.values()] == [6, 36, 15, 1, 0]
    result = folder.sync(full=True)
    assert (result.files_read, result.lines_loaded, list(result.not_whole)) == (6, 15, ["bad.xml"])
    assert bank_tables(folder) == before


def test_rows_of_another_feed_are_never_touched(folder: Folder) -> None:
    file = folder.put("one.ofx", written(Format.OFX, JANUARY))
    folder.sync()
    with duckdb.connect(str(folder.warehouse)) as connection:
        for insert in (
            "statement_files by name select 'plaid' as path, 'p1' as source_id, "
            "'feed' as format, true as is_whole",
            "statements by name select 'p1' as source_id, 1 as statement_number",
            "statement_lines by name select 'p1' as source_id, 1 as line_number, 5 as amount_minor",
        ):
            connection.execute(f"insert into bank.{insert}")
    folder.put("one.ofx", written(Format.OFX, JANUARY[:1]))
    folder.sync()
    file.unlink()
    folder.sync(full=True)
    assert [row[0] for row in folder.rows(FILES)] == ["plaid"]
    assert [len(rows) for rows in bank_tables(folder).values()] == [1, 1, 1, 0, 0]


# Deliveries


DELIVERED = [
    entry(units, day, f"R{number}", text)
    for number, (units, day, text) in enumerate(
        [
            (10_000, 2, "STRIPE PAYOUT"),
            (10_000, 2, "STRIPE PAYOUT"),  # two lines that look alike
            (-2_500, 9, "RENT"),
            (12_345, 14, "STRIPE PAYOUT Q7"),
            (-12_345, 15, "STRIPE RETURN"),
            (99, 31, "INTEREST"),
        ]
    )
]
MONTH, FIRST, SECOND, OVER, OVERS = ((1, 31), (1, 14), (15, 31), (1, 20), (9, 31))

# Which periods come in which run.
DELIVERIES = [
    [[MONTH]],
    [[SECOND], [FIRST]],
    [[OVERS, FIRST], [OVER]],
    [[FIRST, OVER, MONTH, SECOND, OVERS]],
]


def deliver(folder: Folder, format_: Format, period: tuple[int, int], name: str) -> None:
    """Put the statement of a period into the folder, of an account for each format."""
    since, through = (date(2026, 1, day) for day in period)
    before = sum(one.amount_minor for one in DELIVERED if one.posted < since)
    statement = BankStatement(
        number=format_.value,
        currency="eur",
        since=since,
        through=through,
        opening_minor=before - 5_000,
        entries=[one for one in DELIVERED if since <= one.posted <= through],
    )
    folder.put(name, WRITERS[format_](statement))


def test_the_order_and_the_split_of_deliveries_do_not_matter(tmp_path: Path) -> None:
    draw = random.Random(1)  # noqa: S311 - names of files
    seen = []
    for number, runs in enumerate(DELIVERIES):
        (tmp_path / str(number)).mkdir()
        folder = Folder(tmp_path / str(number))
        folder.put("csv.profile.yml", csv_profile("csv", "eur"))
        for run in runs:
            for format_ in draw.sample(list(Format), len(Format)):
                for period in run:
                    deliver(folder, format_, period, f"{draw.random()}/{draw.random()}")
            assert folder.sync().not_whole == {}
        columns = "bank_account_id, posted_date, amount_minor, description, bank_reference"
        seen.append(set(current(folder, columns)))
    assert seen == [seen[0]] * len(DELIVERIES)
    assert len(seen[0]) == len(Format) * len(DELIVERED)
    for account, posted, units, text, reference in seen[0]:
        (made,) = (one for one in DELIVERED if one.reference == reference)
        assert (posted, units) == (made.posted, made.amount_minor), account
        assert made.text in text, account


# A load that is cut short


_KILLED = """
import os, signal, sys, time
from pathlib import Path
import duckdb
from loader.settings import silence_telemetry
silence_telemetry()
from loader.bank_sync import BankRequest, sync_bank
from loader.warehouse import Warehouse

def die_before(moment):
    execute = duckdb.DuckDBPyConnection.execute
    def heard(self, query, *args, **kwargs):
        if moment in str(query):
            time.sleep(0.3)  # what is loaded at the same time gets done
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(self, query, *args, **kwargs)
    duckdb.DuckDBPyConnection.execute = heard

for folder, moment in zip(sys.argv[1::2], sys.argv[2::2]):
    child = os.fork()
    if not child:
        die_before(moment)
        root = Path(folder)
        warehouse = Warehouse(root / "warehouse.duckdb")
        sync_bank(BankRequest(root / "bank", warehouse, root / "dlt_bank"))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

# Before which statements of a load it dies; the merges run side by side.
MOMENTS = (
    'DELETE FROM "bank"."match_overrides"',
    'MERGE INTO "bank"."statement_lines"',
    'INSERT INTO "bank"."_dlt_loads"',
    "delete from bank.statement_lines",
)
FIRST_MOMENTS = ("CREATE TABLE", 'MERGE INTO "bank"."statement_lines"')


def kill(folders: list[Folder], moments: Sequence[str]) -> None:
    """Sync each folder in a process that is killed (-9) before a statement of its load."""
    pairs = zip(folders, moments, strict=True)
    arguments = [str(part) for folder, moment in pairs for part in (folder.path.parent, moment)]
    outcome = subprocess.run(
        [sys.executable, "-c", _KILLED, *arguments], capture_output=True, text=True, check=True
    )
    assert outcome.stdout.split() == ["-9"] * len(folders), outcome.stderr


def copies(of: Folder, under: Path, count: int) -> list[Folder]:
    """Answer folders and warehouses as that one is."""
    made = []
    for number in range(count):
        (under / str(number)).mkdir(parents=True)
        made.append(Folder(under / str(number)))
        shutil.copytree(of.path.parent, under / str(number), dirs_exist_ok=True)
    return made


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder that was read, and in which all that can change has changed since."""
    folder = Folder(tmp_path_factory.mktemp("changed"))
    one_of_each(folder, JANUARY)
    folder.put("bank_accounts.csv", "account_id,bank_account_id\na,1\n")
    folder.sync()
    one_of_each(folder, JANUARY[:2])
    folder.put("new.ofx", written(Format.OFX, [entry(7, 20, "R9", "NEW")]))
    folder.put("bad.ofx", "OFXHEADER:100\n<OFX>")
    folder.put("bank_accounts.csv", "account_id,bank_account_id\na,2\n")
    folder.put("match_overrides.csv", "payout_id,bank_statement_line_id\npo_1,l1\n")
    return folder


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder that was never read."""
    folder = Folder(tmp_path_factory.mktemp("new"))
    one_of_each(folder, JANUARY)
    return folder


@pytest.fixture(scope="module")
def killed(
    changed: Folder, new: Folder, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Folder], list[Folder]]:
    """Both folders as a load leaves them that is killed at each of their moments."""
    late = copies(changed, tmp_path_factory.mktemp("killed"), len(MOMENTS))
    first = copies(new, tmp_path_factory.mktemp("killed_first"), len(FIRST_MOMENTS))
    kill([*late, *first], [*MOMENTS, *FIRST_MOMENTS])
    return late, first


@pytest.mark.xdist_group("bank_killed")
def test_a_run_after_a_killed_one_ends_with_the_same_tables(
    changed: Folder, killed: tuple[list[Folder], list[Folder]], tmp_path: Path
) -> None:
    (undisturbed,) = copies(changed, tmp_path / "undisturbed", 1)
    undisturbed.sync()
    expected = bank_tables(undisturbed)
    assert [len(rows) for rows in expected.values()] == [7, 36, 11, 1, 1]
    for number, moment in enumerate(MOMENTS):
        (again,) = copies(killed[0][number], tmp_path / f"again {number}", 1)
        again.sync()
        assert bank_tables(again) == expected, moment
        assert again.sync().files_read == 0, moment


@pytest.mark.xdist_group("bank_killed")
def test_what_was_loaded_by_half_and_is_gone_counts_for_nothing(
    killed: tuple[list[Folder], list[Folder]], tmp_path: Path
) -> None:
    for number in (1, 2):
        (half,) = copies(killed[0][number], tmp_path / str(number), 1)
        for format_ in Format:
            (half.path / f"{format_}.dat").unlink()
        (half.path / "new.ofx").unlink()
        half.sync()
        assert half.rows(INCOMPLETE) == []
    # At the last one, each path stood for what was loaded without being recorded as such.
    assert [row[0] for row in half.rows(FILES)] == ["bad.ofx"]
    assert amounts(half) == []


# Files that count as whole, with less lines than they have.
INCOMPLETE = """
    select path from bank.statement_files as files
    where is_whole and line_count != (
        select count(*) from bank.statement_lines as l where l.source_id = files.source_id
    )
"""


@pytest.mark.xdist_group("bank_killed")
def test_a_first_run_that_is_killed_leaves_nothing_in_the_way(
    new: Folder, killed: tuple[list[Folder], list[Folder]]
) -> None:
    new.sync()
    for again, moment in zip(killed[1], FIRST_MOMENTS, strict=True):
        again.sync()
        assert bank_tables(again) == bank_tables(new), moment


# The user's own lists


def test_the_users_lists_are_stored_as_they_stand_and_once(folder: Folder) -> None:
    folder.put("one.ofx", written(Format.OFX, JANUARY))
    accounts = (
        "\ufeffbank_account_id,marker,currency,destination_id\r\n"
        '"DE1 23","STRIPE, INC|Pa\tyments",EUR,\r\n\r\n'
        '2,"two\r\nlines", usd ,ba_1,,\r\n'
    )
    (folder.path / "bank_accounts.csv").write_bytes(accounts.encode())
    decided = 'note,payout_id,bank_statement_line_id\n\'Zoë; ""x,po_1,l1\n,,l1\n,,l1\n'
    folder.put("match_overrides.csv", decided)
    folder.sync()
    assert folder.rows("from bank.account_mappings order by all") == [
        (2, None, None, "eur", "DE1 23", "STRIPE, INC|Pa\tyments"),
        (5, None, "ba_1", "usd", "2", "two\r\nlines"),
    ]
    assert folder.rows("from bank.match_overrides order by all") == [
        (2, None, "po_1", "l1", '\'Zoë; ""x'),
        (3, None, None, "l1", None),
        (4, None, None, "l1", None),
    ]
    folder.sync()
    assert loads(folder) == 1
    folder.put("match_overrides.csv", decided.replace("po_1", "po_2"))
    assert folder.sync().files_read == 0
    assert loads(folder) == 2
    assert folder.rows("select count(*) from bank.account_mappings") == [(2,)]


HEAD = "account_id,bank_account_id,marker\n"
WRONG: dict[str, tuple[bytes, str]] = {
    "semicolons": (b"account_id;bank_account_id\na;1\n", "line 1: .* a column account_id;bank"),
    "no name": (b"account_id,bank_account_id,,\na,1,,\n", "line 1: .* without a name"),
    "a name twice": (b"account_id,account_id\na,b\n", "line 1: .* account_id twice"),
    "a bare comma": (HEAD.encode() + b"a,1,x\nb,2,x{1,2}\n", "line 3: .* more cells"),
    "not closed": (HEAD.encode() + b'a,1,"x\nb,2,y\n', "lines 2 to 3: it is no CSV"),
    "a late quote": (HEAD.encode() + b'a,1,"x"y\n', "line 2: .* no CSV"),
    "not UTF-8": (HEAD.encode() + b"a,1,\nb,2,\xe4\n", "line 3: .* no UTF-8"),
    "UTF-16": (HEAD.encode("utf-16"), "line 1: .* no UTF-8"),
    "no bank account": (HEAD.encode() + b"\na,1,\nb\n", "line 4: bank_account_id is empty"),
    "nobody's": (HEAD.encode() + b",1,\n", "line 2: say whose"),
    "no expression": (HEAD.encode() + b"a,1,x\nb,2,[\n", "line 3: .* no regular expression"),
    "a class of DuckDB's": (HEAD.encode() + b"a,1,[[:digit:]]\n", r"line 2: '\[:' in the marker"),
    "a name of DuckDB's": (HEAD.encode() + b"a,1,(?P<n>x)\n", r"line 2: '\(\?P<' in the marker"),
    "two accounts": (HEAD.encode() + b"a,1,\nb,1,\na,2,\n", "lines 2 and 4: the same payouts"),
}


def test_what_is_wrong_in_a_list_is_told_with_its_file_and_line(folder: Folder) -> None:
    folder.put("one.ofx", written(Format.OFX, JANUARY))
    for content, said in WRONG.values():
        (folder.path / "bank_accounts.csv").write_bytes(content)
        with pytest.raises(SettingsError, match=rf"bank/bank_accounts\.csv, {said}"):
            folder.sync()
    (folder.path / "bank_accounts.csv").unlink()
    (folder.path / "match_overrides.csv").mkdir()
    with pytest.raises(SettingsError, match=r"match_overrides\.csv can't be read: Is a directory"):
        folder.sync()
    with duckdb.connect(str(folder.warehouse)) as connection:
        assert connection.execute("select count(*) from duckdb_tables()").fetchall() == [(0,)]


# Many lines


def test_lines_pass_through_memory_a_few_at_a_time(tmp_path: Path) -> None:
    text = pa.array([f"{number:0200}" for number in range(20_000)])
    columns = [
        text if kind == pa.string() else pa.nulls(len(text), kind)
        for kind in STATEMENT_LINES.columns.values()
    ]
    table = pa.table(columns, schema=STATEMENT_LINES.schema)
    files = [tmp_path / f"{number}.parquet" for number in range(12)]
    for file in files:
        pq.write_table(table, file)
    held, most, count = pa.total_allocated_bytes(), 0, 0
    for batch in bank_statements({}, files).resources[STATEMENT_LINES.name]:
        most = max(most, pa.total_allocated_bytes() - held)
        count += len(batch)
    assert count == 12 * 20_000
    assert most < 5 * table.nbytes


def test_files_of_more_lines_than_are_held_at_once_are_loaded_whole(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.bank_sync._LINES_IN_CHUNK", 7)
    monkeypatch.setattr("loader.sources.bank_statements._ROWS_AT_ONCE", 10)
    many = [entry(number, 1 + number % 28, f"R{number}", "A") for number in range(1, 51)]
    one_of_each(folder, sorted(many, key=lambda one: one.posted))
    assert folder.sync().lines_loaded == 250
    assert amounts(folder) == sorted([*range(1, 51)] * 5)
    numbers = "select count(*), max(line_number) from bank.statement_lines group by source_id"
    assert folder.rows(numbers) == [(50, 50)] * 5
