"""Every dbt test of the bank trips over a fault planted for it, and names it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from loader.build import DBT_PROJECT, FailedTest
from tests.dbt.bank_cases import Case, Line, account_of, bank_account_of, load_cases, sent
from tests.dbt.warehouses import Workbench


def pair() -> Case:
    return Case([sent("a", 500, "02-05")], [Line("1", 500, "02-06")])


@dataclass(frozen=True)
class BankFault:
    """What is done to a case, and how the test that is there for it names it."""

    test: str
    plant: str
    """SQL; `{account}` and `{bank}` are the case's."""
    names: str
    """A condition on the rows that the test stores."""


IN_RAW = {
    "a line lost": BankFault(
        "assert_statement_lines_add_up",
        "delete from bank.statement_lines where bank_account_id = '{bank}'",
        "bank_account_id = '{bank}' and line_count = 1 and loaded_line_count = 0",
    ),
    "a line off by one": BankFault(
        "assert_statement_lines_add_up",
        "update bank.statement_lines set amount_minor = 501 where bank_account_id = '{bank}'",
        "bank_account_id = '{bank}' and loaded_sum_minor = 501",
    ),
    "a closing balance that does not follow": BankFault(
        "assert_statement_lines_add_up",
        "update bank.statements set opening_minor = 0, closing_minor = 499 "
        "where bank_account_id = '{bank}'",
        "bank_account_id = '{bank}'",
    ),
    "a decision by hand on a line that is not there": BankFault(
        "assert_match_override_is_applied",
        "insert into bank.match_overrides (line_number, payout_id, bank_statement_line_id) "
        "values (2, 'a', 'no such line')",
        "bank_statement_line_id = 'no such line'",
    ),
}

IN_WHAT_WAS_BUILT = {
    "a line of another amount than its payout": BankFault(
        "assert_matched_money_is_equal",
        "update finance.fct_bank_statement_lines set amount_minor = 499 "
        "where bank_account_id = '{bank}'",
        "payout_amount_minor = 500 and line_amount_minor = 499",
    ),
    "a line of another currency than its payout": BankFault(
        "assert_match_crosses_no_currency_or_direction",
        "update finance.fct_bank_statement_lines set currency = 'eur' "
        "where bank_account_id = '{bank}'",
        "account_id = '{account}'",
    ),
    "a line in two matches": BankFault(
        "assert_payout_and_line_are_in_at_most_one_match",
        "insert into finance.fct_bank_matches by name select * replace ('again' as match_id) "
        "from finance.fct_bank_matches where account_id = '{account}'",
        "matched_twice = 'payout {account} a'",
    ),
    "an open payout that nobody is told of": BankFault(
        "assert_open_bank_item_has_its_exception",
        "delete from finance.fct_reconciliation_exceptions where account_id = '{account}'",
        "account_id = '{account}' and exception_type = 'missing_in_bank'",
    ),
}

FAULTS = IN_RAW | IN_WHAT_WAS_BUILT


def case_of(name: str) -> Case:
    return Case([sent("a", 500, "02-05")]) if "nobody is told" in name else pair()


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cases = {name: case_of(name) for name in FAULTS} | {"clean": pair()}
    path = load_cases(tmp_path_factory.mktemp("bank_faults"), cases)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "update stripe.accounts set is_platform_account = true where id = ?",
            [account_of("clean")],
        )
    return path


def filled(text: str, name: str) -> str:
    return text.format(account=account_of(name), bank=bank_account_of(name))


def plant(bench: Workbench, faults: dict[str, BankFault]) -> None:
    bench.change(filled(fault.plant, name) for name, fault in faults.items())


def assert_told(bench: Workbench, failed: list[FailedTest], faults: dict[str, BankFault]) -> None:
    stored = {test.name: test.stored_in for test in failed}
    for name, fault in faults.items():
        assert fault.test in stored, name
        condition = filled(fault.names, name)
        assert bench.rows(f"from {stored[fault.test]} where {condition}"), name


def test_faults_in_what_was_read_trip_their_tests_alone(bench: Workbench, raw: Path) -> None:
    bench.put(raw)
    plant(bench, IN_RAW)
    bench.project.run_models()
    failed = bench.project.run_tests()
    assert_told(bench, failed, IN_RAW)
    assert {test.name for test in failed} == {fault.test for fault in IN_RAW.values()}


def test_faults_in_what_was_built_trip_their_tests(bench: Workbench, raw: Path) -> None:
    bench.put(raw)
    bench.project.run_models()
    assert bench.project.run_tests() == []
    plant(bench, IN_WHAT_WAS_BUILT)
    assert_told(bench, bench.project.run_tests(), IN_WHAT_WAS_BUILT)


def test_every_test_of_the_bank_has_its_fault() -> None:
    tests = {path.stem for path in (DBT_PROJECT / "tests" / "bank").glob("assert_*.sql")}
    assert tests == {fault.test for fault in FAULTS.values()}
