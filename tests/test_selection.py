"""`tieout export` of one payout, one account or one month, in every format."""

from __future__ import annotations

import csv
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from loader.run_record import RunRecord
from loader.selection import Format, Selection, SelectionError, format_of, write_selection
from loader.settings import Settings
from tests.commands import tieout
from tests.runs import copy_of, rows

pytestmark = pytest.mark.xdist_group("sandbox_runs")

Run = tuple[Settings, RunRecord]
HOSTILE = '=HYPERLINK("http://evil.example")'


def payout_of(run: Run) -> tuple[str, str, int, int]:
    """Answer an account, a payout, how many transactions are in it, and their sum."""
    found: tuple[str, str, int, int] = rows(
        run[0].published_path,
        "select account_id, payout_id, transaction_count, net_amount_minor "
        "from finance.fct_payout_reconciliation where is_reconciled and transaction_count > 10 "
        "and currency = 'usd' order by payout_id limit 1",
    )[0]
    return found


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def sheet_cells(path: Path, number: int = 1) -> list[list[str]]:
    """Answer a worksheet's cells as they are written, row by row."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    with zipfile.ZipFile(path) as archive:
        sheet = ElementTree.fromstring(archive.read(f"xl/worksheets/sheet{number}.xml"))  # noqa: S314 - written by the test
    return [
        ["".join(cell.itertext()) for cell in row.iter(f"{space}c")]
        for row in sheet.iter(f"{space}row")
    ]


def nets_in(path: Path) -> list[Decimal]:
    """Answer what a file says of each transaction's net, whatever its format."""
    if path.suffix == ".csv":
        return [Decimal(row["net"]) for row in read(path)]
    if path.suffix == ".json":
        return [Decimal(str(row["net"])) for row in json.loads(path.read_text())]
    if path.suffix == ".xlsx":
        return [Decimal(row[16]) for row in sheet_cells(path)[1:]]
    return [net for (net,) in duckdb.sql(f"select net from '{path}'").fetchall()]


@pytest.mark.parametrize("file_format", ["csv", "json", "parquet", "xlsx"])
def test_a_payout_is_written_whole_in_every_format(
    clean_run: Run, tmp_path: Path, file_format: Format
) -> None:
    _, payout_id, count, net = payout_of(clean_run)
    path = tmp_path / f"out.{file_format}"
    settings = clean_run[0]
    written = write_selection(
        settings.warehouse_path, Selection(payout_ids=[payout_id]), file_format, path
    )
    assert written == count
    assert round(sum(nets_in(path)) * 100) == net
    assert list(tmp_path.iterdir()) == [path]


def test_the_worksheets_say_what_they_hold(clean_run: Run, tmp_path: Path) -> None:
    _, payout_id, count, net = payout_of(clean_run)
    path = tmp_path / "out.xlsx"
    write_selection(clean_run[0].warehouse_path, Selection(payout_ids=[payout_id]), "xlsx", path)
    header, *transactions = sheet_cells(path)
    assert header[16] == "net"
    assert len(transactions) == count
    header, *categories = sheet_cells(path, 2)
    assert header[-1] == "net"
    assert round(sum(Decimal(row[-1]) for row in categories) * 100) == net


def test_an_account_and_a_month_are_those_of_the_roll_forward(
    clean_run: Run, tmp_path: Path
) -> None:
    settings = clean_run[0]
    account_id = payout_of(clean_run)[0]
    for month, currency, moved in rows(
        settings.published_path,
        "select strftime(month_start_date, '%Y-%m'), currency, closing_amount_minor - "
        "opening_amount_minor from finance.fct_balance_rollforward where account_id = ?",
        [account_id],
    ):
        path = tmp_path / f"{month}.csv"
        write_selection(settings.warehouse_path, Selection((), [account_id], month), "csv", path)
        own = [
            row
            for row in read(path)
            if row["currency"] == currency and row["balance_type"] == "payments"
        ]
        assert {row["created_at"][:7] for row in own} == {month}
        assert sum(int(row["net_amount_minor"]) for row in own) == moved


def test_without_a_choice_it_is_the_whole_ledger(clean_run: Run, tmp_path: Path) -> None:
    settings = clean_run[0]
    count = write_selection(
        settings.warehouse_path, Selection(), "parquet", tmp_path / "all.parquet"
    )
    published = rows(
        settings.published_path, "select count(*) from finance.fct_balance_transactions"
    )
    assert published == [(count,)]


def test_a_formula_stays_text(clean_run: Run, tmp_path: Path) -> None:
    settings, _ = copy_of(clean_run, tmp_path / "copy")
    _, payout_id, *_ = payout_of(clean_run)
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        connection.execute("update finance.fct_balance_transactions set description = ?", [HOSTILE])
    selection = Selection(payout_ids=[payout_id])
    write_selection(settings.warehouse_path, selection, "xlsx", tmp_path / "out.xlsx")
    with zipfile.ZipFile(tmp_path / "out.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")
        assert not [name for name in archive.namelist() if "rels/sheet" in name]
    write_selection(settings.warehouse_path, selection, "csv", tmp_path / "out.csv")
    assert {row["description"] for row in read(tmp_path / "out.csv")} == {"'" + HOSTILE}


def test_more_than_a_worksheet_holds_is_refused(
    clean_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loader.selection.WORKSHEET_ROWS", 100)
    with pytest.raises(SelectionError, match="--format csv or parquet"):
        write_selection(clean_run[0].warehouse_path, Selection(), "xlsx", tmp_path / "all.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("month", ["2026", "2026-13", "2026-00", "September", "2026-01-02"])
def test_a_month_that_is_none_is_refused(clean_run: Run, tmp_path: Path, month: str) -> None:
    with pytest.raises(SelectionError, match="such as 2026-09"):
        write_selection(
            clean_run[0].warehouse_path, Selection(month=month), "csv", tmp_path / "out.csv"
        )


def test_the_command_says_where_it_wrote(clean_run: Run, tmp_path: Path) -> None:
    data_dir = str(clean_run[0].data_dir)
    _, payout_id, count, _ = payout_of(clean_run)
    outcome = tieout("export", "--payout", payout_id, TIEOUT_DATA_DIR=data_dir)
    path = clean_run[0].mode_dir / "selected" / f"transactions_{payout_id}.csv"
    assert outcome.stdout == f"Wrote {count:,} transactions to {path}\n"
    assert len(read(path)) == count
    elsewhere = tmp_path / "new" / "mine.json"
    outcome = tieout(
        "export",
        "--payout",
        payout_id,
        "--format",
        "json",
        "--output",
        str(elsewhere),
        TIEOUT_DATA_DIR=data_dir,
    )
    assert len(json.loads(elsewhere.read_text())) == count
    unknown = tieout("export", "--account", "acct_nobody", TIEOUT_DATA_DIR=data_dir)
    assert unknown.returncode == 2
    assert "acct_nobody is not among what was read" in unknown.stderr
    assert tieout("export", "--format", "doc", TIEOUT_DATA_DIR=data_dir).returncode == 2


@pytest.mark.parametrize(
    ("output", "asked", "expected"),
    [
        (None, None, "csv"),
        (None, "xlsx", "xlsx"),
        ("mine.XLSX", None, "xlsx"),
        ("mine.parquet", "parquet", "parquet"),
        ("mine", None, "csv"),
        ("mine.txt", "json", "json"),
    ],
)
def test_a_file_is_written_as_it_is_named(
    output: str | None, asked: Format | None, expected: Format
) -> None:
    assert format_of(Path(output) if output else None, asked) == expected


@pytest.mark.parametrize("output", [".", "/", "", "out.csv"])
def test_a_file_that_can_be_none_is_refused(tmp_path: Path, output: str) -> None:
    with pytest.raises(SelectionError):
        format_of(Path(output), "xlsx")
    with pytest.raises(SelectionError, match="name a file"):
        format_of(tmp_path, None)


def test_no_file_of_tieouts_own_is_replaced(clean_run: Run, tmp_path: Path) -> None:
    settings, _ = copy_of(clean_run, tmp_path)
    data_dir = str(settings.data_dir)
    before = settings.published_path.read_bytes()
    outcome = tieout("export", "--output", str(settings.published_path), TIEOUT_DATA_DIR=data_dir)
    assert outcome.returncode == 2
    assert "Tieout keeps its own files in" in outcome.stderr
    assert settings.published_path.read_bytes() == before


def test_a_name_of_a_file_stays_in_its_folder(clean_run: Run, tmp_path: Path) -> None:
    assert "/" not in Selection(payout_ids=["../../evil/x"]).name
    with pytest.raises(SelectionError, match="not among what was read"):
        write_selection(
            clean_run[0].warehouse_path,
            Selection(payout_ids=["../../evil/x"]),
            "csv",
            tmp_path / "new" / "out.csv",
        )
    assert not (tmp_path / "new").exists()


def test_the_platform_may_be_called_so(clean_run: Run, tmp_path: Path) -> None:
    warehouse = clean_run[0].warehouse_path
    own = rows(warehouse, "select account_id from finance.dim_accounts where is_platform_account")
    path = tmp_path / "own.csv"
    write_selection(warehouse, Selection(account_ids=["platform"]), "csv", path)
    assert {(row["account_id"],) for row in read(path)} == set(own)
