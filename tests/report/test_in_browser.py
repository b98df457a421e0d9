"""The page as a reader has it: in a real browser, offline, in light and dark, on a phone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from loader.report.figures import read_figures
from loader.report.writing import replace_report, write_report
from loader.run_record import RunRecord
from loader.settings import Settings
from loader.wording import money
from tests.report.browser import Browser
from tests.report.test_writing import HOSTILE
from tests.runs import rows

pytestmark = pytest.mark.xdist_group("sandbox_runs")


@pytest.fixture(scope="module")
def report(broken_run: tuple[Settings, RunRecord]) -> Path:
    return broken_run[0].mode_dir / "report.html"


def written(tables: Path) -> Path:
    path = tables.with_name("report.html")
    write_report(tables, path, mode="live", failed_tests=0)
    replace_report(path)
    return path


def test_it_opens_without_error_and_asks_the_network_for_nothing(
    chromium: Browser, report: Path
) -> None:
    chromium.resize(1280, 900)
    chromium.open(report)
    chromium.wait_for("document.querySelector('#currency-usd [data-chart=bridge]') !== null")
    chromium.run("document.querySelector('#currency-usd').scrollIntoView()")
    chromium.wait_for("document.querySelectorAll('#currency-usd .chart svg').length === 2")
    assert chromium.complaints() == []
    assert [url for url in chromium.requested() if url != report.as_uri()] == []


def test_the_headline_is_what_the_tables_add_up_to(
    chromium: Browser, report: Path, broken_run: tuple[Settings, RunRecord]
) -> None:
    chromium.open(report)
    for currency, exponent, count, amount, difference in rows(
        broken_run[0].published_path, _HEADLINE
    ):
        line = [
            chromium.texts(f"#headline-table tr[data-currency='{currency}'] [data-{figure}]")[0]
            for figure in (
                "figure=payout_count",
                "amount=proven_amount_minor",
                "amount=unreconciled_difference_minor",
            )
        ]
        assert line == [f"{count:,}", money(amount, exponent), money(difference, exponent)]


_HEADLINE = """
    select
        payouts.currency,
        any_value(currencies.minor_unit_exponent),
        count(*),
        cast(coalesce(sum(payout_amount_minor) filter (where is_reconciled), 0) as bigint),
        cast(coalesce(
            sum(abs(difference_minor)) filter (where reconciliation_status = 'unreconciled'), 0
        ) as bigint)
    from finance.fct_payout_reconciliation as payouts
    inner join finance.dim_currencies as currencies using (currency)
    group by payouts.currency
"""


def test_filters_add_the_figures_up_anew(
    chromium: Browser, report: Path, broken_run: tuple[Settings, RunRecord]
) -> None:
    tables = broken_run[0].published_path
    ((account_id, name, count, charged, exceptions),) = rows(
        tables,
        "select account_id, account_name, payout_count, charge_amount_minor, "
        "(select count(*) from finance.fct_reconciliation_exceptions e where e.account_id = "
        "a.account_id and (e.currency = 'usd' or e.currency is null)) "
        "from finance.fct_account_reconciliation a where currency = 'usd' and is_platform_account",
    )
    chromium.open(report)
    everything = chromium.texts("#currency-usd .bridge tbody tr")
    chromium.choose("account", account_id)
    chromium.choose("currency", "usd")
    assert chromium.texts("#headline-table tbody th") == ["USD"]
    assert chromium.texts("#headline-table tbody [data-figure=payout_count]") == [str(count)]
    bridge = chromium.texts("#currency-usd .bridge tbody tr")
    assert bridge != everything
    assert f"Charges and payments\t{money(charged, 2)}" in bridge
    assert len(chromium.texts("#exceptions .queue > li")) == exceptions
    assert len(chromium.texts("#accounts tbody tr")) == 1
    assert name in chromium.texts("#filtered")[0]
    chromium.choose("account", name.upper())
    assert chromium.texts("#currency-usd .bridge tbody tr") == bridge
    chromium.run("document.querySelector('form button').click()")
    chromium.wait_for("document.querySelector('#currency').value === ''")
    chromium.wait_for("document.querySelectorAll('#headline-table tbody tr:not(.off)').length > 5")
    assert chromium.texts("#currency-usd .bridge tbody tr") == everything
    chromium.choose("account", "nobody")
    assert chromium.texts("#filtered") == ["No account has this name or id; all are shown."]
    assert chromium.texts("#accounts .count")[0] == chromium.texts("#accounts .count")[-1]
    assert chromium.complaints() == []


def test_without_a_filter_the_script_shows_what_the_page_held(
    chromium: Browser, report: Path, tmp_path: Path
) -> None:
    """The same figures with and without a script: two ways must not differ."""
    chromium.open(report)
    script = chromium.texts("#headline-table tr") + chromium.texts(".bridge tr, .aging tr")
    wrong = chromium.texts("tr.bad, td.bad")
    assert any("Not in Stripe's balance" in text for text in wrong)
    bare = tmp_path / "bare.html"
    text = report.read_text()
    bare.write_text(text.replace("script-src", "script-src 'none'; object-src"))
    chromium.open(bare, runs_script=False)
    without = chromium.texts("#headline-table tr") + chromium.texts(".bridge tr, .aging tr")
    assert script == without
    assert chromium.texts("tr.bad, td.bad") == wrong


def test_a_link_leads_to_a_payout_beyond_the_first_rows(
    chromium: Browser, report: Path, broken_run: tuple[Settings, RunRecord]
) -> None:
    last = read_figures(broken_run[0].published_path).payouts.rows[-1]["payout_id"]
    chromium.open(report, f"#payout-{last}")
    chromium.wait_for(f"document.getElementById('payout-{last}').checkVisibility()")


def test_long_lists_open_as_far_as_asked(
    chromium: Browser, report: Path, broken_run: tuple[Settings, RunRecord]
) -> None:
    total = len(read_figures(broken_run[0].published_path).warnings.rows)
    chromium.open(report)
    warnings = "section[aria-labelledby=warnings-title]"
    assert len(chromium.texts(f"{warnings} .queue > li")) == 50 < total
    for _ in range(5):
        chromium.run(f"document.querySelector('{warnings} .more')?.click()")
    assert len(chromium.texts(f"{warnings} .queue > li")) == total
    assert chromium.texts(f"{warnings} .more") == []


def test_a_hostile_text_is_inert(
    chromium: Browser, tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    for table, column in (
        ("dim_accounts", "account_name"),
        ("fct_account_reconciliation", "account_name"),
        ("fct_payout_reconciliation", "account_name"),
        ("fct_bank_statement_lines", "description"),
        ("fct_reconciliation_exceptions", "explanation"),
    ):
        changed.execute(f"update finance.{table} set {column} = ?", [HOSTILE])
    changed.close()
    chromium.open(written(tables))
    account_id = chromium.run("return document.querySelector('#account-names option').value")
    chromium.choose("account", account_id)
    assert HOSTILE in chromium.texts("#filtered")[0]
    assert HOSTILE in chromium.run("return document.title")
    assert chromium.run("return document.images.length") == 0
    assert chromium.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_read_on_any_screen(chromium: Browser, report: Path, scheme: str, width: int) -> None:
    """The page itself never scrolls sideways, and text stands out from its ground."""
    chromium.resize(width, 800)
    chromium.prefer(prefers_color_scheme=scheme)
    chromium.open(report)
    assert chromium.run("return document.documentElement.scrollWidth") <= width
    contrast = chromium.run(_CONTRAST)
    assert min(contrast.values()) >= 4.5, contrast
    chromium.prefer(prefers_color_scheme="light")


# By WCAG 2 (https://www.w3.org/TR/WCAG22/#contrast-minimum): 4.5 for text of usual size.
_CONTRAST = """
    const luminance = (colour) => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
            .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (!/, 0\\)$|transparent/.test(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const found = {};
    for (const selector of ['p', 'td', '.amount', '.note', '.badge.error', '.badge.warning',
        '.mode', '.verdict', '.ids', 'td.bad', 'a', 'figcaption', 'thead th', 'caption']) {
        const element = [...document.querySelectorAll(selector)].find((e) => e.checkVisibility());
        if (!element) continue;
        const [light, dark] = [getComputedStyle(element).color, ground(element)].map(luminance)
            .sort((a, b) => b - a);
        found[selector] = (light + 0.05) / (dark + 0.05);
    }
    return found;
"""


def test_it_is_read_without_eyes_or_a_mouse(chromium: Browser, report: Path) -> None:
    chromium.open(report)
    assert chromium.run("return document.documentElement.lang") == "en"
    levels = chromium.run(
        "return [...document.querySelectorAll('h1, h2, h3')].map(h => Number(h.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(level - before <= 1 for before, level in pairwise(levels))
    assert chromium.run(_WITHOUT_NAME) == []
    for element in ("main", "nav", "header", "footer"):
        assert chromium.run(f"return document.querySelectorAll('body > {element}').length") == 1
    duplicates = chromium.run(
        "const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
        "return ids.filter((id, at) => ids.indexOf(id) !== at)"
    )
    assert duplicates == []


# Fields without a label, header cells without a scope, charts without a description, regions that
# scroll and can't be reached with the keyboard.
_WITHOUT_NAME = """
    return [
        ...[...document.querySelectorAll('input, select')].filter((field) => !field.labels.length),
        ...document.querySelectorAll('th:not([scope])'),
        ...document.querySelectorAll('.chart svg[class]:not([aria-label])'),
        ...document.querySelectorAll('.scroll:not([tabindex]), .scroll:not([aria-label])'),
    ].map((element) => element.outerHTML.slice(0, 100));
"""


def test_it_prints_whole(chromium: Browser, report: Path) -> None:
    """On paper every row of a list is there, the filters are not."""
    chromium.resize(1280, 900)
    chromium.open(report)
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    assert chromium.run("return document.querySelectorAll('.chart:empty').length") == 0
    chromium.print_to_screen(True)
    rows = chromium.run("return document.querySelectorAll('#exceptions .queue > li').length")
    assert len(chromium.texts("#exceptions .queue > li")) == rows > 50
    assert chromium.texts("form, nav") == []
    chromium.print_to_screen(False)


def test_a_filtered_print_holds_nothing_of_other_accounts(chromium: Browser, report: Path) -> None:
    """It may be sent to that account."""
    chromium.open(report)
    account_id = chromium.run(
        "return document.querySelector('#exceptions li:not(.beyond)').dataset.account"
    )
    chromium.choose("account", account_id)
    chromium.print_to_screen(True)
    shown = chromium.run(
        "return [...document.querySelectorAll('.filtered')].filter(e => e.checkVisibility())"
        ".map(e => e.dataset.account)"
    )
    assert set(shown) == {account_id}
    assert account_id in chromium.texts("#filtered")[0]
    chromium.print_to_screen(False)


def test_two_accounts_of_one_name_are_not_taken_for_each_other(
    chromium: Browser, tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    first, second, *_ = (
        row[0]
        for row in changed.execute(
            "select account_id from finance.dim_accounts order by account_id"
        ).fetchall()
    )
    for table in ("dim_accounts", "fct_account_reconciliation"):
        changed.execute(
            f"update finance.{table} set account_name = 'Twin' where account_id in (?, ?)",
            [first, second],
        )
    changed.close()
    chromium.open(written(tables))
    chromium.choose("account", "twin")
    (said,) = chromium.texts("#filtered")
    assert said.startswith("2 accounts have this name; all are shown.")
    assert first in said
    assert second in said
    chromium.choose("account", first)
    assert chromium.texts("#filtered")[0].startswith(f"Only Twin ({first}).")


def test_an_account_without_money_can_be_chosen(
    chromium: Browser, report: Path, broken_run: tuple[Settings, RunRecord]
) -> None:
    ((account_id,),) = rows(
        broken_run[0].published_path,
        "select account_id from finance.dim_accounts where access_status = 'failed'",
    )
    chromium.open(report)
    chromium.choose("account", account_id)
    assert len(chromium.texts("#accounts tbody tr")) == 1
    assert "account unreadable" in chromium.texts("#exceptions li")[0]
    assert chromium.texts("#headline-table tbody tr") == []


def test_ten_thousand_accounts_open_fast(
    chromium: Browser, tables: Path, changed: duckdb.DuckDBPyConnection
) -> None:
    """What is long is cut; the filters still know every account."""
    for table in ("dim_accounts", "fct_account_reconciliation", "fct_balance_rollforward"):
        changed.execute(
            f"insert into finance.{table} by name select * exclude (copy) replace "
            "(account_id || '_' || copy as account_id) "
            f"from (select *, unnest(range(1, 600)) as copy from finance.{table})"
        )
    (accounts,) = changed.execute("select count(*) from finance.dim_accounts").fetchall()[0]
    changed.close()
    path = written(tables)
    assert accounts > 10_000
    assert path.stat().st_size < 6_000_000
    chromium.open(path)
    chromium.wait_for("document.querySelector('#filters').hidden === false")
    assert len(chromium.run("return [...document.querySelectorAll('#accounts tbody tr')]")) == 200
    options = chromium.run("return document.querySelectorAll('#account-names option').length")
    assert options >= 9_000
    chromium.choose(
        "account", chromium.run("return document.querySelector('#account-names option').value")
    )
    assert len(chromium.texts("#headline-table tbody tr")) >= 1
    assert chromium.complaints() == []
