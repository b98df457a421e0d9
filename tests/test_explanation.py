"""`tieout explain`: one payout, transaction, statement line or exception, told whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest

from loader.explanation import ExplanationError, explain
from loader.run_record import RunRecord
from loader.settings import Settings
from tests.commands import tieout
from tests.runs import copy_of, rows

pytestmark = pytest.mark.xdist_group("sandbox_runs")

Run = tuple[Settings, RunRecord]


def one(run: Run, query: str) -> str:
    """Answer the first value of a query over the published tables."""
    found: str = rows(run[0].published_path, f"{query} order by 1 limit 1")[0][0]
    return found


def told(run: Run, *arguments: str) -> str:
    outcome = tieout("explain", *arguments, TIEOUT_DATA_DIR=str(run[0].data_dir))
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def test_every_payout_has_a_story_whose_sums_are_its_own(broken_run: Run) -> None:
    tables = broken_run[0].published_path
    for payout_id, status in rows(tables, _PAYOUTS_OF_EVERY_KIND):
        (story,) = explain(tables, payout_id).payouts
        payout = story.payout
        own = [p for p in story.parts if p["currency"] == payout["currency"]]
        assert sum(part["net_amount_minor"] for part in own) == (payout["net_amount_minor"] or 0)
        if status == "reconciled":
            net = sum(row["net_amount_minor"] for row in story.transactions)
            assert net == payout["payout_amount_minor"]
            moved = [row["gross_amount_minor"] for row in story.own_rows]
            assert -payout["payout_amount_minor"] in moved
        if payout["bank_match_status"].startswith("matched"):
            assert story.lines


# Three of each, in each currency.
_PAYOUTS_OF_EVERY_KIND = """
    select payout_id, reconciliation_status
    from finance.fct_payout_reconciliation
    qualify row_number() over (
        partition by reconciliation_status, unreconciled_reason, bank_match_status, currency
        order by payout_id
    ) <= 3
"""


def test_a_payout_that_ties_out_is_told_from_its_transactions_to_the_bank_line(
    clean_run: Run,
) -> None:
    payout_id = one(
        clean_run,
        "select payout_id from finance.fct_payout_reconciliation where bank_match_status = "
        "'matched' and bank_match_rule = 'trace_id' and transaction_count > 10",
    )
    text = told(clean_run, payout_id)
    (story,) = explain(clean_run[0].published_path, payout_id).payouts
    assert "Proven: its transactions add up to it" in text
    assert "Difference" in text
    assert "At the bank: matched, by trace id." in text
    assert story.lines[0]["bank_statement_line_id"] in text
    assert story.transactions[0]["balance_transaction_id"] in text
    assert f"`tieout export --payout {payout_id}` writes all" in text
    assert "No exception about it is open." in text


def test_a_payout_that_does_not_is_told_with_its_difference_and_reason(broken_run: Run) -> None:
    payout_id = one(
        broken_run,
        "select payout_id from finance.fct_payout_reconciliation "
        "where unreconciled_reason = 'components_do_not_sum'",
    )
    text = told(broken_run, payout_id)
    assert "Not proven. The reason: components do not sum." in text
    assert "error components_do_not_sum" in text


def test_a_payout_that_came_back_is_told_both_ways(clean_run: Run) -> None:
    payout_id = one(
        clean_run,
        "select payout_id from finance.fct_payout_reconciliation "
        "where settlement_status = 'failed_repaid' and bank_match_status = 'returned'",
    )
    (story,) = explain(clean_run[0].published_path, payout_id).payouts
    assert len(story.own_rows) == len(story.lines) == 2
    text = told(clean_run, payout_id)
    assert text.count("On the Stripe balance: ") == 2
    assert f"left again in {story.payout['returned_in_payout_id']}" in text


def test_a_split_settlement_names_its_siblings(broken_run: Run) -> None:
    payout_id = one(
        broken_run,
        "select payout_id from finance.fct_payout_reconciliation "
        "where reconciliation_status = 'reconciled_in_group'",
    )
    (story,) = explain(broken_run[0].published_path, payout_id).payouts
    group = rows(
        broken_run[0].published_path,
        "select payout_id from finance.fct_payout_reconciliation where payout_group_id = ?",
        [story.payout["payout_group_id"]],
    )
    assert {payout_id, *(sibling["payout_id"] for sibling in story.siblings)} == {
        name for (name,) in group
    }
    assert f"Sibling {story.siblings[0]['payout_id']}" in told(broken_run, payout_id)


def test_a_transaction_leads_to_its_payout(clean_run: Run) -> None:
    name = one(
        clean_run,
        "select balance_transaction_id from finance.fct_balance_transactions "
        "where attribution_status = 'settled'",
    )
    found = explain(clean_run[0].published_path, name)
    assert found.payouts[0].payout["payout_id"] == found.subject["payout_id"]
    text = told(clean_run, name)
    assert f"It is {found.subject['payout_id']}." in text
    assert f"Payout {found.subject['payout_id']}" in text


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("unsettled", "In no payout yet."),
        ("not_attributable", "Stripe does not say which of them took it."),
        ("payout", "It takes a payout off the balance"),
        ("other_balance", "It moves another balance"),
    ],
)
def test_a_transaction_in_no_payout_says_why(clean_run: Run, status: str, said: str) -> None:
    name = one(
        clean_run,
        "select balance_transaction_id from finance.fct_balance_transactions "
        f"where attribution_status = '{status}'",
    )
    assert said in told(clean_run, name).replace("\n", " ")


def test_a_transaction_in_two_payouts_names_both(broken_run: Run) -> None:
    name = one(
        broken_run,
        "select balance_transaction_id from finance.fct_balance_transactions "
        "where attribution_status = 'in_two_payouts'",
    )
    named = {
        payout_id
        for (payout_id,) in rows(
            broken_run[0].published_path,
            "select payout_id from finance.fct_reconciliation_exceptions "
            "where exception_type = 'transaction_in_two_payouts'",
        )
    }
    assert len(named) == 2
    text = told(broken_run, name)
    assert all(f"Payout {payout_id}" in text for payout_id in named)
    assert "can't be said to be its own" in told(broken_run, min(named)).replace("\n", " ")


def test_text_from_outside_is_shown_as_it_is_and_moves_no_terminal(
    clean_run: Run, tmp_path: Path
) -> None:
    settings, _ = copy_of(clean_run, tmp_path)
    line_id = one(clean_run, "select bank_statement_line_id from finance.fct_bank_statement_lines")
    with duckdb.connect(str(settings.published_path)) as connection:
        connection.execute(
            "update finance.fct_bank_statement_lines set description = ?",
            ["REF:ID:77 :100: [bold]x[/] \x1b]0;title\x07\x9b31m"],
        )
    shown = tieout("explain", line_id, TIEOUT_DATA_DIR=str(settings.data_dir)).stdout
    assert "REF:ID:77 :100: [bold]x[/]" in shown
    assert not set("\x1b\x07\x9b") & set(shown)


def test_a_payouts_own_transaction_leads_to_it(clean_run: Run) -> None:
    name = one(
        clean_run,
        "select balance_transaction_id from finance.fct_balance_transactions "
        "where attribution_status = 'payout'",
    )
    found = explain(clean_run[0].published_path, name)
    assert found.payouts[0].payout["payout_id"] == found.subject["source_object_id"]


def test_a_statement_line_leads_to_its_payouts(clean_run: Run) -> None:
    line_id = one(
        clean_run,
        "select bank_statement_line_id from finance.fct_bank_matches "
        "where match_cardinality = 'many_to_one'",
    )
    found = explain(clean_run[0].published_path, line_id)
    assert len(found.payouts) > 1
    assert f"Statement line {line_id}" in told(clean_run, line_id)


def test_a_line_of_nobody_and_one_of_two_payouts_are_told(clean_run: Run) -> None:
    nobody = one(
        clean_run,
        "select bank_statement_line_id from finance.fct_bank_statement_lines "
        "where line_match_status = 'unmatched_stripe'",
    )
    assert "missing_in_stripe" in told(clean_run, nobody)
    torn = one(clean_run, "select bank_statement_line_id from finance.fct_bank_match_candidates")
    assert "It could be:" in told(clean_run, torn)


def test_every_exception_leads_to_what_it_is_about(broken_run: Run) -> None:
    tables = broken_run[0].published_path
    for exception_id, payout_id, transaction_id, line_id in rows(
        tables,
        "select exception_id, payout_id, balance_transaction_id, bank_statement_line_id "
        "from finance.fct_reconciliation_exceptions",
    ):
        found = explain(tables, exception_id)
        assert [story.payout["payout_id"] for story in found.payouts] == (
            [payout_id] if payout_id else []
        )
        assert len(found.transactions) <= 1 if transaction_id else not found.transactions
        assert len(found.lines) == (1 if line_id else 0)


def test_programs_get_all_of_it(clean_run: Run) -> None:
    payout_id = one(clean_run, "select payout_id from finance.fct_payout_reconciliation")
    story = json.loads(told(clean_run, payout_id, "--json"))
    assert story["kind"] == "payout"
    assert story["payouts"][0]["payout"]["payout_id"] == payout_id
    assert isinstance(story["subject"]["payout_amount_minor"], int)


def test_an_unknown_id_says_what_can_be_asked_for(clean_run: Run) -> None:
    outcome = tieout("explain", "po_nobody", TIEOUT_DATA_DIR=str(clean_run[0].data_dir))
    assert outcome.returncode == 1
    assert "Nothing that is published has the id po_nobody" in outcome.stderr


def test_before_the_first_run_it_says_what_to_do(tmp_path: Path) -> None:
    outcome = tieout("explain", "po_1", TIEOUT_DATA_DIR=str(tmp_path))
    assert outcome.returncode == 1
    assert "Run `make reconcile` first." in outcome.stderr


def test_an_id_of_two_accounts_asks_whose(clean_run: Run, tmp_path: Path) -> None:
    tables = tmp_path / "reconciliation.duckdb"
    shutil.copyfile(clean_run[0].published_path, tables)
    payout_id = one(clean_run, "select payout_id from finance.fct_payout_reconciliation")
    with duckdb.connect(str(tables)) as connection:
        connection.execute(
            "insert into finance.fct_payout_reconciliation select * replace "
            "('acct_other' as account_id) from finance.fct_payout_reconciliation "
            "where payout_id = ?",
            [payout_id],
        )
    with pytest.raises(ExplanationError, match=r"several accounts .*acct_other.* --account"):
        explain(tables, payout_id)
    assert explain(tables, payout_id, "acct_other").subject["account_id"] == "acct_other"


def test_a_file_of_another_make_is_told(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "reconciliation.duckdb")) as connection:
        connection.execute("create schema finance")
    with pytest.raises(ExplanationError, match="tieout doctor"):
        explain(tmp_path / "reconciliation.duckdb", "po_1")
