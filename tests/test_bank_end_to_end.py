"""Payouts and statement lines after a whole run, against the answer key of those who wrote them."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from loader.run_record import RunRecord
from loader.sandbox.bank.truth import BankTruth, bank_truth_of
from loader.sandbox.options import SandboxOptions
from loader.settings import Settings
from tests.runs import AS_OF, copy_of, reconcile, rows, settings_for

BANK_KINDS = (
    "missing_in_bank",
    "missing_in_stripe",
    "ambiguous_match",
    "amount_mismatch",
    "returned_by_bank",
    "return_missing",
    "statement_not_whole",
)

pytestmark = pytest.mark.xdist_group("sandbox_runs")


def truth_in(settings: Settings) -> BankTruth:
    """Answer what is true of the banks of the sandbox that these settings run on."""
    state = json.loads((settings.mode_dir / "sandbox.json").read_text())
    return bank_truth_of(
        SandboxOptions(
            first_day=date.fromisoformat(state["first_day"]),
            as_of=settings.as_of,
            seed=state["seed"],
            broken=state["broken"],
        )
    )


@pytest.fixture
def again(clean_run: tuple[Settings, RunRecord], tmp_path: Path) -> Settings:
    """A copy of a run's folder, to go on from."""
    return copy_of(clean_run, tmp_path / "again")[0]


def assert_banks_are_true(settings: Settings) -> None:
    """Compare every payout, line and exception with the answer key."""
    truth, published = truth_in(settings), settings.published_path
    payouts = rows(
        published,
        "select account_id, payout_id, bank_match_status from finance.fct_payout_reconciliation",
    )
    known = {row[:2]: row[2] for row in payouts if row[:2] in truth.payouts}
    assert known == {key: payout.bank_match_status for key, payout in truth.payouts.items()}
    lines = rows(
        published,
        "select bank_account_id, bank_reference, line_match_status "
        "from finance.fct_bank_statement_lines",
    )
    assert len(lines) == len(truth.lines)
    assert {row[:2]: row[2] for row in lines} == {
        key: line.line_match_status for key, line in truth.lines.items()
    }
    assert matched_references(published) == {
        key: payout.references
        for key, payout in truth.payouts.items()
        if payout.bank_match_status in ("matched", "matched_batch", "returned")
    }
    found = rows(published, _EXCEPTIONS, [list(BANK_KINDS)])
    assert sorted(found) == sorted(
        (
            expected.exception_type,
            expected.account_id,
            expected.payout_id or "",
            expected.reference if expected.payout_id is None else "",
        )
        for expected in truth.exceptions
    )


def matched_references(published: Path) -> dict[tuple[str, str], frozenset[str]]:
    """Answer the bank's references of each payout's lines."""
    found: dict[tuple[str, str], set[str]] = {}
    for account_id, payout_id, reference in rows(published, _MATCHES):
        found.setdefault((account_id, payout_id), set()).add(reference)
    return {key: frozenset(references) for key, references in found.items()}


_MATCHES = """
    select matches.account_id, matches.payout_id, bank_lines.bank_reference
    from finance.fct_bank_matches as matches
    inner join finance.fct_bank_statement_lines as bank_lines using (bank_statement_line_id)
"""

_EXCEPTIONS = """
    select
        found.exception_type, found.account_id, coalesce(found.payout_id, ''),
        case when found.payout_id is null then coalesce(bank_lines.bank_reference, '') else '' end
    from finance.fct_reconciliation_exceptions as found
    left join finance.fct_bank_statement_lines as bank_lines using (bank_statement_line_id)
    where list_contains(?, found.exception_type)
"""


def test_every_payout_and_line_is_decided_as_the_answer_key_says(
    clean_run: tuple[Settings, RunRecord],
) -> None:
    assert_banks_are_true(clean_run[0])


def test_what_is_open_at_the_bank_is_a_warning(clean_run: tuple[Settings, RunRecord]) -> None:
    _, record = clean_run
    assert (record.exit_code, record.failed_tests) == (0, [])
    kinds = {found["exception_type"] for found in record.exceptions}
    assert {"missing_in_bank", "missing_in_stripe", "ambiguous_match"} <= kinds
    assert record.bank_files > 0
    assert record.bank_files_not_whole == {}
    assert {rate["currency"] for rate in record.bank_match_rates} == {"eur", "usd"}
    assert sum(record.bank_matches_by_status.values()) == sum(record.payouts_by_status.values())


def test_a_file_that_does_not_add_up_is_left_out_and_told(again: Settings, tmp_path: Path) -> None:
    settings = again
    whole = rows(settings.published_path, "from finance.fct_bank_statement_lines")
    bank_dir = tmp_path / "own"
    bank_dir.mkdir()
    for file in settings.bank_dir.iterdir():
        text = file.read_text()
        damaged = file.name.startswith("platform-eur-2026-04")
        (bank_dir / file.name).write_text(text.replace("CRDT", "DBIT", 3) if damaged else text)
    elsewhere = settings_for(settings.data_dir, AS_OF, bank_dir_set=bank_dir)
    record = reconcile(elsewhere)
    assert list(record.bank_files_not_whole) == ["platform-eur-2026-04.xml"]
    assert record.exit_code == 0
    assert ("statement_not_whole", 1) in [
        (found["exception_type"], found["count"]) for found in record.exceptions
    ]
    left = rows(elsewhere.published_path, "from finance.fct_bank_statement_lines")
    assert 0 < len(left) < len(whole)


def test_what_the_user_decides_by_hand_is_the_match(again: Settings) -> None:
    settings = again
    ((payout_id, line_id),) = rows(
        settings.published_path,
        "select payout_id, min(bank_statement_line_id) from finance.fct_bank_match_candidates "
        "group by payout_id",
    )
    overrides = settings.bank_dir / "match_overrides.csv"
    overrides.write_text(f"payout_id,bank_statement_line_id,note\n{payout_id},{line_id},seen\n")
    assert reconcile(settings).failed_tests == []
    decided = rows(
        settings.published_path,
        "select bank_match_status, bank_match_rule, bank_statement_line_id "
        "from finance.fct_payout_reconciliation where payout_id = ?",
        [payout_id],
    )
    assert decided == [("matched", "manual", line_id)]
    overrides.write_text("payout_id,bank_statement_line_id\npo_unknown,none\n")
    record = reconcile(settings)
    assert record.exit_code == 3
    assert [f["test"] for f in record.failed_tests] == ["assert_match_override_is_applied"]


def test_days_later_the_decisions_are_those_of_the_answer_key(again: Settings) -> None:
    for days in (1, 20):
        settings = settings_for(again.data_dir, AS_OF + timedelta(days=days))
        assert reconcile(settings).failed_tests == []
        assert_banks_are_true(settings)
