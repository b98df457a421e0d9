"""What stands in the page, as text: figures, verdicts, and text from outside."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from loader.report import figures as shown
from loader.report.bridge import bars
from loader.report.figures import read_figures
from loader.report.writing import render, replace_report, write_report
from loader.run_record import RunRecord
from loader.settings import Settings
from loader.wording import money
from tests.runs import copy_of, rows

pytestmark = pytest.mark.xdist_group("sandbox_runs")

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\"'{{7*7}}"


def page_of(tables: Path, failed_tests: int | None = 0) -> str:
    return render(read_figures(tables), mode="live", failed_tests=failed_tests)


def data_in(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    read: dict[str, Any] = json.loads(found[1])
    return read


def test_a_run_writes_it(broken_run: tuple[Settings, RunRecord]) -> None:
    settings, record = broken_run
    page = (settings.mode_dir / "report.html").read_text()
    assert "SANDBOX: made-up data" in page
    assert "It does not all tie out." in page
    assert f"{len(record.failed_tests)} tests of the tables fail" in page
    assert not list(settings.mode_dir.glob(".report*"))


def test_a_clean_run_says_that_all_ties_out(clean_run: tuple[Settings, RunRecord]) -> None:
    page = (clean_run[0].mode_dir / "report.html").read_text()
    assert "Everything that is due ties out." in page
    assert "0 open errors" in page


def test_a_failing_test_of_the_tables_is_no_tie_out(
    clean_run: tuple[Settings, RunRecord],
) -> None:
    tables = clean_run[0].published_path
    assert "It does not all tie out." in page_of(tables, failed_tests=1)
    untested = page_of(tables, failed_tests=None)
    assert "was not asked" in untested
    assert "No error is open, but not all is proven." in untested


def test_a_balance_that_is_not_proven_yet_is_no_tie_out(
    clean_run: tuple[Settings, RunRecord], tmp_path: Path
) -> None:
    """Such as the first reading of a history that begins at a start date."""
    settings, _ = copy_of(clean_run, tmp_path)
    with duckdb.connect(str(settings.published_path)) as connection:
        connection.execute("update finance.fct_balance_proof set proof_status = 'unproven'")
    page = page_of(settings.published_path)
    assert "No error is open, but not all is proven." in page
    assert "balances are not proven to be what Stripe states." in page


def test_every_figure_of_the_filters_is_the_tables(
    broken_run: tuple[Settings, RunRecord],
) -> None:
    tables = broken_run[0].published_path
    data = data_in(page_of(tables))
    summed = [name for name in data["figures"] if not name.endswith("balance_count")]
    for sums in data["sums"]:
        account_id, currency = data["accounts"][sums[0]][0], sums[1]
        published = rows(
            tables,
            f"select {', '.join(f'coalesce({name}, 0)' for name in summed)} "
            "from finance.fct_account_reconciliation where account_id = ? and currency = ?",
            [account_id, currency],
        )
        found = dict(zip(data["figures"], sums[2:], strict=True))
        assert [tuple(found[name] for name in summed)] == published
    counted = rows(tables, "select count(*) from finance.fct_account_reconciliation")
    assert counted == [(len(data["sums"]),)]


def test_every_exception_is_in_it(broken_run: tuple[Settings, RunRecord]) -> None:
    tables = broken_run[0].published_path
    page = page_of(tables)
    ids = {
        name
        for (name,) in rows(
            tables, "select exception_id from finance.fct_reconciliation_exceptions"
        )
    }
    assert set(re.findall(r'id="exception-(\w+)"', page)) == ids


def test_payouts_not_plainly_reconciled_have_their_parts_and_lines(
    broken_run: tuple[Settings, RunRecord],
) -> None:
    figures = read_figures(broken_run[0].published_path)
    named = {payout["payout_id"]: payout for payout in figures.payouts.rows}
    wrong = rows(
        broken_run[0].published_path,
        "select payout_id from finance.fct_payout_reconciliation where is_reconciled is distinct "
        "from true or bank_match_status in ('overdue', 'ambiguous', 'amount_mismatch', 'returned')",
    )
    assert {payout_id for (payout_id,) in wrong} <= set(named)
    for payout_id, parts in figures.parts.items():
        own = [part for part in parts if part["currency"] == named[payout_id]["currency"]]
        assert sum(p["net_amount_minor"] for p in own) == named[payout_id]["net_amount_minor"]
    assert any(p["bank_match_status"] == "returned" for p in named.values())
    returned = [name for name, p in named.items() if p["bank_match_status"] == "returned"]
    assert all(len(figures.lines[name]) == 2 for name in returned)
    assert all(len(found) > 1 for found in figures.candidates.values())


def test_the_worst_comes_first(tables: Path, changed: duckdb.DuckDBPyConnection) -> None:
    changed.execute(
        "update finance.fct_reconciliation_exceptions set amount = 1, days_outstanding = 1 "
        "where amount is not null"
    )
    changed.execute(
        "update finance.fct_reconciliation_exceptions set amount = -7, days_outstanding = 9 "
        "where exception_type in ('missing_in_bank', 'missing_payout_row')"
    )
    changed.close()
    figures = read_figures(tables)
    first, second, *_ = figures.errors.rows
    assert first["exception_type"] == "account_unreadable"
    assert second["exception_type"] == "missing_payout_row"
    assert figures.warnings.rows[0]["exception_type"] == "missing_in_bank"


def test_long_lists_are_cut_and_say_so(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "EXCEPTIONS_SHOWN", 10)
    figures = read_figures(tables)
    assert len(figures.errors.rows) == len(figures.warnings.rows) == 10
    page = render(figures, mode="live", failed_tests=0)
    assert f"Shown here are 10 of {figures.warnings.total}" in page


def test_money_that_nothing_explains_shows_in_the_waterfall(
    broken_run: tuple[Settings, RunRecord],
) -> None:
    """A ledger that is not what Stripe states, and a payout that failed and did not come back."""
    figures = read_figures(broken_run[0].published_path)
    wrong = {
        (row["currency"], bar.step.label): bar.amount_minor
        for row in figures.currencies
        for bar in bars(row)
        if bar.is_wrong
    }
    unproven = rows(
        broken_run[0].published_path,
        "select currency, sum(difference_minor) from finance.fct_balance_proof "
        "where difference_minor != 0 group by currency",
    )
    assert {
        currency: amount
        for (currency, label), amount in wrong.items()
        if label == "Not in Stripe's balance"
    } == dict(unproven)
    lost = rows(
        broken_run[0].published_path,
        "select currency, -payout_amount_minor from finance.fct_payout_reconciliation "
        "where settlement_status = 'failed_return_missing'",
    )
    assert {
        currency: amount
        for (currency, label), amount in wrong.items()
        if label == "Failed and not returned"
    } == dict(lost)
    assert all(
        bars(row)[-1].amount_minor == row["banked_amount_minor"] for row in figures.currencies
    )


def test_an_amount_in_a_currency_that_only_the_bank_has_is_right(
    tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    changed.execute(
        "update finance.fct_reconciliation_exceptions set currency = 'krw', amount_minor = 150000 "
        "where exception_type = 'missing_in_stripe'"
    )
    changed.close()
    assert "150,000 KRW" in page_of(tables)


def test_a_payout_id_that_two_accounts_have_stays_apart(
    tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    ((payout_id, account_id),) = changed.execute(
        "select payout_id, account_id from finance.fct_payout_reconciliation "
        "where unreconciled_reason = 'components_do_not_sum' order by payout_id limit 1"
    ).fetchall()
    for table in ("fct_payout_reconciliation", "fct_payout_categories"):
        changed.execute(
            f"insert into finance.{table} select * replace ('acct_other' as account_id) "
            f"from finance.{table} where payout_id = ?",
            [payout_id],
        )
    changed.close()
    figures = read_figures(tables)
    parts = [figures.parts[f"{payout_id}-{owner}"] for owner in (account_id, "acct_other")]
    assert [{row["account_id"] for row in rows} for rows in parts] == [{account_id}, {"acct_other"}]


class Tags(HTMLParser):
    """Collects what a page's markup has that could run or fetch something."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        if tag in {"img", "iframe", "object", "embed"}:
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name, _ in attrs if name.startswith("on")]
        self.found += [f"{tag} {name}" for name, value in attrs if name == "src" and value]


def test_text_from_outside_is_text(tables: Path, changed: duckdb.DuckDBPyConnection) -> None:
    for table, column in (
        ("dim_accounts", "account_name"),
        ("fct_account_reconciliation", "account_name"),
        ("fct_payout_reconciliation", "account_name"),
        ("fct_payout_reconciliation", "statement_descriptor"),
        ("fct_bank_statement_lines", "description"),
        ("fct_bank_match_candidates", "counterparty"),
        ("fct_payout_categories", "reporting_category"),
        ("fct_reconciliation_exceptions", "explanation"),
    ):
        changed.execute(f"update finance.{table} set {column} = ?", [HOSTILE])
    changed.close()
    page = page_of(tables)
    tags = Tags()
    tags.feed(page)
    assert tags.found == []
    assert tags.scripts == 4
    assert "<script>document.title" not in page
    assert {name for _, name in data_in(page)["accounts"]} == {HOSTILE}
    assert "{{7*7}}" in page


def test_a_platform_without_money_has_a_page(
    tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    for (table,) in changed.execute("select table_name from duckdb_tables()").fetchall():
        changed.execute(f"delete from finance.{table}")
    changed.close()
    page = page_of(tables)
    assert "No money has moved yet." in page
    assert page.count("None is open.") == 2


def test_amounts_have_the_decimals_of_their_currency() -> None:
    assert money(-1234567, 2) == "-12,345.67"
    assert money(1234567, 0) == "1,234,567"
    assert money(5, 3) == "0.005"
    assert money(9007199254740993, 2) == "90,071,992,547,409.93"
    assert money(None, 2) == ""


def test_what_scripts_cannot_count_exactly_is_text(
    tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    changed.execute(
        "update finance.fct_account_reconciliation set charge_amount_minor = 9007199254740993"
    )
    changed.close()
    assert '"9007199254740993"' in page_of(tables)


def test_the_standing_report_stays_where_the_new_one_fails(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("standing")
    with pytest.raises(duckdb.Error):
        write_report(tmp_path / "none.duckdb", report, mode="live", failed_tests=0)
    assert report.read_text() == "standing"


def test_it_is_put_in_place_in_one_step(tables: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("standing")
    write_report(tables, report, mode="live", failed_tests=0)
    assert report.read_text() == "standing"
    replace_report(report)
    assert "Tieout" in report.read_text()
