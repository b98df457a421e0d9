"""One decision for each payout and each statement line, case by case."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.dbt.bank_cases import (
    FIRST,
    Case,
    Line,
    account_of,
    bank_account_of,
    day,
    load_cases,
    put_source,
    sent,
)
from tests.dbt.warehouses import Workbench

TRACE = {"trace_id": {"status": "supported", "value": "0000-9100 00019999999"}}
FAILED = {"status": "failed", "failure_code": "no_account", "failure_balance_transaction": "back_a"}
MATCHED = ("matched", "date_window")
GROUP = ("matched_group", "date_window")
NO_DATA, OVERDUE = ("no_bank_data", None), ("overdue", None)
IN_TRANSIT, NOT_EXPECTED = ("in_transit", None), ("not_expected", None)
AMBIGUOUS, MISMATCH = ("ambiguous", None), ("amount_mismatch", None)


def missing(*payouts: str) -> frozenset[tuple[str, str | None]]:
    return frozenset(("missing_in_bank", payout) for payout in payouts)


def ambiguous(*payouts: str) -> frozenset[tuple[str, str | None]]:
    return frozenset(("ambiguous_match", payout) for payout in payouts)


UNKNOWN = frozenset({("missing_in_stripe", None)})

CASES = {
    "one payout, one line": Case(
        [sent("a", 500, "02-05")], [Line("1", 500, "02-06")], {"a": MATCHED}, {"1": "matched"}
    ),
    "the first day of the window": Case(
        [sent("a", 500, "02-05")], [Line("1", 500, "02-02")], {"a": MATCHED}
    ),
    "the last day of the window": Case(
        [sent("a", 500, "02-05")], [Line("1", 500, "02-15")], {"a": MATCHED}
    ),
    "a day before the window": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-01")],
        {"a": OVERDUE},
        {"1": "unmatched_stripe"},
        missing("a") | UNKNOWN,
    ),
    "a day after the window": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-16")],
        {"a": OVERDUE},
        {"1": "unmatched_stripe"},
        missing("a") | UNKNOWN,
    ),
    "a trace id, written otherwise": Case(
        [sent("a", 500, "02-05", **TRACE), sent("b", 500, "02-05")],
        [Line("1", 500, "02-06", "STRIPE TRACE#:910000019999999"), Line("2", 500, "02-06")],
        {"a": ("matched", "trace_id"), "b": MATCHED},
    ),
    "a trace id on another amount, beside a decoy": Case(
        [sent("a", 500, "02-05", **TRACE)],
        [Line("1", 450, "02-06", "STRIPE 910000019999999"), Line("2", 500, "02-06")],
        {"a": MISMATCH},
        {"1": "amount_mismatch", "2": "unmatched_stripe"},
        frozenset({("amount_mismatch", "a")}) | UNKNOWN,
    ),
    "a trace id that two payouts have": Case(
        [sent("a", 500, "02-05", **TRACE), sent("b", 500, "02-05", **TRACE)],
        [Line("1", 500, "02-06", "STRIPE 910000019999999")],
        {"a": AMBIGUOUS, "b": AMBIGUOUS},
        {"1": "ambiguous"},
        ambiguous("a", "b"),
    ),
    "a descriptor of its own": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="INVOICE 1001"),
            sent("b", 500, "02-05", statement_descriptor="SALARY MAY"),
        ],
        [Line("1", 500, "02-06", "SALARY MAY"), Line("2", 500, "02-06", "INVOICE 1001")],
        {"a": ("matched", "statement_descriptor"), "b": ("matched", "statement_descriptor")},
    ),
    "a descriptor that is Stripe's name alone": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="STRIPE"),
            sent("b", 500, "02-20"),
        ],
        [Line("1", 500, "02-20", "STRIPE TRANSFER ST-1")],
        {"a": OVERDUE, "b": MATCHED},
        found=missing("a"),
    ),
    "descriptors inside of longer words": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="PAYOUT 1"),
            sent("b", 700, "02-05", statement_descriptor="ACME PAY"),
            sent("c", 900, "02-05", statement_descriptor="INVOICE 10 OF MAY"),
        ],
        [
            Line("1", 500, "02-20", "ACME CUSTOMER PAYOUT 12"),
            Line("2", 700, "02-20", "ACME PAYROLL SERVICES"),
            Line("3", 900, "02-20", "CUSTOMER INVOICE 1009"),
        ],
        {"a": OVERDUE, "b": OVERDUE, "c": OVERDUE},
        {"1": "unmatched_other", "2": "unmatched_other", "3": "unmatched_other"},
        missing("a", "b", "c"),
    ),
    "a trace id against another payout's descriptor": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="INVOICE 1001"),
            sent("b", 500, "02-20", **TRACE),
        ],
        [Line("1", 500, "02-20", "INVOICE 1001 910000019999999")],
        {"a": OVERDUE, "b": ("matched", "trace_id")},
        found=missing("a"),
    ),
    "a trace id on two lines of other amounts": Case(
        [sent("a", 800, "02-05", **TRACE)],
        [
            Line("1", 500, "02-06", "910000019999999"),
            Line("2", 300, "02-07", "910000019999999"),
        ],
        {"a": MISMATCH},
        {"1": "amount_mismatch", "2": "amount_mismatch"},
        frozenset({("amount_mismatch", "a")}),
    ),
    "two equal payouts, two equal lines": Case(
        [sent("a", 500, "02-05"), sent("b", 500, "02-05")],
        [Line("1", 500, "02-05"), Line("2", 500, "02-06")],
        {"a": GROUP, "b": GROUP},
        {"1": "matched_group", "2": "matched_group"},
    ),
    "two equal payouts to two destinations": Case(
        [sent("a", 500, "02-05"), sent("b", 500, "02-05", destination="ba_2")],
        [Line("1", 500, "02-05"), Line("2", 500, "02-06")],
        {"a": AMBIGUOUS, "b": AMBIGUOUS},
        {"1": "ambiguous", "2": "ambiguous"},
        ambiguous("a", "b"),
    ),
    "two equal payouts, one line": Case(
        [sent("a", 500, "02-05"), sent("b", 500, "02-07")],
        [Line("1", 500, "02-06")],
        {"a": AMBIGUOUS, "b": AMBIGUOUS},
        {"1": "ambiguous"},
        ambiguous("a", "b"),
    ),
    "one payout, a line of its day and another": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-05"), Line("2", 500, "02-06")],
        {"a": ("matched", "same_day")},
        {"1": "matched", "2": "unmatched_stripe"},
        UNKNOWN,
    ),
    "one payout, two equal lines": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-06"), Line("2", 500, "02-07")],
        {"a": AMBIGUOUS},
        {"1": "ambiguous", "2": "ambiguous"},
        ambiguous("a"),
    ),
    "daily equal payouts, one deposit missing": Case(
        [sent("a", 500, "02-05"), sent("b", 500, "02-06"), sent("c", 500, "02-07")],
        [Line("1", 500, "02-05"), Line("3", 500, "02-07")],
        {"a": ("matched_group", "same_day"), "b": OVERDUE, "c": ("matched_group", "same_day")},
        found=missing("b"),
    ),
    "daily equal payouts, each deposit a day late": Case(
        [sent("a", 500, "02-05"), sent("b", 500, "02-06"), sent("c", 500, "02-07")],
        [Line("1", 500, "02-06"), Line("2", 500, "02-07"), Line("3", 500, "02-08")],
        {"a": GROUP, "b": GROUP, "c": GROUP},
    ),
    "a line of the right amount that does not name Stripe": Case(
        [sent("a", 500, "02-05"), sent("b", 700, "02-12")],
        [Line("1", 500, "02-06"), Line("2", 700, "02-13", "Pinstripe Studio")],
        {"a": MATCHED, "b": AMBIGUOUS},
        {"1": "matched", "2": "ambiguous"},
        ambiguous("b"),
    ),
    "a decoy beside the deposit": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-06"), Line("2", 500, "02-05", "Pinstripe Studio")],
        {"a": MATCHED},
        {"2": "unmatched_other"},
    ),
    "lines that never name Stripe": Case(
        [sent("a", 500, "02-05"), sent("b", 700, "02-12")],
        [Line("1", 500, "02-06", "CREDIT"), Line("2", 700, "02-13", "CREDIT")],
        {"a": MATCHED, "b": MATCHED},
    ),
    "a brand that several payouts carry": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="ACME PAY"),
            sent("b", 700, "02-12", statement_descriptor="ACME PAY"),
        ],
        [
            Line("1", 500, "02-06", "Acme Pay 7"),
            Line("2", 700, "02-13", "Acme Pay 8"),
            Line("3", 700, "02-12", "Somebody"),
        ],
        {"a": MATCHED, "b": MATCHED},
        {"3": "unmatched_other"},
    ),
    "a marker of the account's own": Case(
        [sent("a", 500, "02-05"), sent("b", 700, "02-12")],
        [
            Line("1", 500, "02-06", "PSP 77"),
            Line("2", 700, "02-13", "PSP 78"),
            Line("3", 700, "02-12", "Stripe Hotel"),
        ],
        {"a": MATCHED, "b": MATCHED},
        {"3": "unmatched_other"},
        marker="^ ?PSP",
    ),
    "one deposit for the payouts of a day": Case(
        [sent("a", 500, "02-05"), sent("b", 300, "02-05")],
        [Line("1", 800, "02-06")],
        {"a": ("matched_batch", "batch_deposit"), "b": ("matched_batch", "batch_deposit")},
        {"1": "matched_batch"},
    ),
    "payouts of two days are no sum": Case(
        [sent("a", 500, "02-05"), sent("b", 300, "02-06")],
        [Line("1", 800, "02-06")],
        {"a": OVERDUE, "b": OVERDUE},
        {"1": "unmatched_stripe"},
        missing("a", "b") | UNKNOWN,
    ),
    "a sum that two lines are": Case(
        [sent("a", 500, "02-05"), sent("b", 300, "02-05")],
        [Line("1", 800, "02-06"), Line("2", 800, "02-07")],
        {"a": AMBIGUOUS, "b": AMBIGUOUS},
        {"1": "ambiguous", "2": "ambiguous"},
        ambiguous("a", "b"),
    ),
    "one payout in two lines of a day": Case(
        [sent("a", 800, "02-05")],
        [Line("1", 500, "02-06"), Line("2", 300, "02-06")],
        {"a": ("matched_batch", "split_deposit")},
        {"1": "matched_batch", "2": "matched_batch"},
    ),
    "a negative payout is a debit": Case(
        [sent("a", -500, "02-05"), sent("b", 500, "02-05")],
        [Line("1", -500, "02-06"), Line("2", 500, "02-06")],
        {"a": MATCHED, "b": MATCHED},
    ),
    "a debit is no deposit": Case(
        [sent("a", 500, "02-05")],
        [Line("1", -500, "02-06")],
        {"a": OVERDUE},
        {"1": "unmatched_stripe"},
        missing("a") | UNKNOWN,
    ),
    "another currency is no deposit": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-06", currency="eur")],
        {"a": OVERDUE},
        {"1": "unmatched_stripe"},
        missing("a") | UNKNOWN,
    ),
    "failed, came and went": Case(
        [sent("a", 500, "02-05", **FAILED)],
        [Line("1", 500, "02-05"), Line("2", -500, "02-08", "RETURN")],
        {"a": ("returned", "date_window")},
        {"1": "returned", "2": "returned"},
        frozenset({("returned_by_bank", "a")}),
        failed_on="02-08",
    ),
    "failed, came and stayed": Case(
        [sent("a", 500, "02-05", **FAILED)],
        [Line("1", 500, "02-05")],
        {"a": MATCHED},
        {"1": "matched"},
        frozenset({("return_missing", "a")}),
        failed_on="02-08",
    ),
    "failed and never came": Case(
        [sent("a", 500, "02-05", **FAILED)], [], {"a": NOT_EXPECTED}, failed_on="02-08"
    ),
    "failed beside an equal one that was paid": Case(
        [sent("a", 500, "02-05", **FAILED), sent("b", 500, "02-06")],
        [Line("1", 500, "02-06")],
        {"a": NOT_EXPECTED, "b": MATCHED},
        failed_on="02-08",
    ),
    "failed, beside two that were paid and one line": Case(
        [sent("a", 500, "02-05", **FAILED), sent("b", 500, "02-05"), sent("c", 500, "02-05")],
        [Line("1", 500, "02-05")],
        {"a": NOT_EXPECTED, "b": AMBIGUOUS, "c": AMBIGUOUS},
        {"1": "ambiguous"},
        ambiguous("b", "c"),
        failed_on="02-08",
    ),
    "failed, beside one that was paid and a debit of its amount": Case(
        [sent("a", 500, "02-05", **FAILED), sent("b", 500, "02-05")],
        [Line("1", 500, "02-05"), Line("2", -500, "02-08", "RENT")],
        {"a": AMBIGUOUS, "b": AMBIGUOUS},
        {"1": "ambiguous", "2": "unmatched_other"},
        ambiguous("a", "b"),
        failed_on="02-08",
    ),
    "a debit that two negative payouts could be is no return": Case(
        [sent("a", 500, "02-05", **FAILED), sent("b", -500, "02-06"), sent("c", -500, "02-06")],
        [Line("1", 500, "02-05"), Line("2", -500, "02-07")],
        {"a": MATCHED, "b": AMBIGUOUS, "c": AMBIGUOUS},
        {"1": "matched", "2": "ambiguous"},
        frozenset({("return_missing", "a")}) | ambiguous("b", "c"),
        failed_on="02-08",
    ),
    "two failed, two returned": Case(
        [
            sent("a", 500, "02-05", **FAILED),
            sent("b", 500, "02-06", **(FAILED | {"failure_balance_transaction": "back_b"})),
        ],
        [
            Line("1", 500, "02-05"),
            Line("2", 500, "02-06"),
            Line("3", -500, "02-08"),
            Line("4", -500, "02-09"),
        ],
        {"a": ("returned", "date_window"), "b": ("returned", "date_window")},
        dict.fromkeys("1234", "returned"),
        frozenset({("returned_by_bank", "a"), ("returned_by_bank", "b")}),
        failed_on="02-08",
    ),
    "a credit and a debit that failed": Case(
        [
            sent("a", 500, "02-05", **FAILED),
            sent("b", -500, "02-06", **(FAILED | {"failure_balance_transaction": "back_b"})),
        ],
        [Line("1", 500, "02-05"), Line("2", -500, "02-06")],
        {"a": MATCHED, "b": MATCHED},
        {"1": "matched", "2": "matched"},
        frozenset({("return_missing", "a"), ("return_missing", "b")}),
        failed_on="02-08",
    ),
    "an equal amount says more than a sum": Case(
        [
            sent("a", 300, "02-05"),
            sent("b", 300, "02-06"),
            sent("c", 100, "02-07"),
            sent("d", 200, "02-07"),
        ],
        [Line("1", 300, "02-08")],
        {"a": AMBIGUOUS, "b": AMBIGUOUS, "c": OVERDUE, "d": OVERDUE},
        {"1": "ambiguous"},
        ambiguous("a", "b") | missing("c", "d"),
    ),
    "a credit and a debit are no sum": Case(
        [sent("a", 500, "02-05"), sent("b", -200, "02-05")],
        [Line("1", 300, "02-06")],
        {"a": OVERDUE, "b": OVERDUE},
        {"1": "unmatched_stripe"},
        missing("a", "b") | UNKNOWN,
    ),
    "ten characters that two payouts share name neither": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="ACMESTORE-001"),
            sent("b", 700, "02-23", statement_descriptor="ACMESTORE-002"),
        ],
        [Line("1", 500, "02-23", "ACMESTORE-002")],
        {"a": OVERDUE, "b": OVERDUE},
        {"1": "unmatched_other"},
        missing("a", "b"),
    ),
    "ten characters of a descriptor of its own": Case(
        [
            sent("a", 500, "02-05", statement_descriptor="INVOICE 10 OF MAY"),
            sent("b", 500, "02-06", statement_descriptor="SALARIES OF MAY"),
        ],
        [Line("1", 500, "02-06", "SALARIES O"), Line("2", 500, "02-07", "INVOICE 10")],
        {"a": ("matched", "statement_descriptor"), "b": ("matched", "statement_descriptor")},
    ),
    "canceled, or paid to a card": Case(
        [
            sent("a", 500, "02-05", status="canceled", failure_balance_transaction="back_a"),
            sent("b", 300, "02-05", type="card", method="instant"),
        ],
        [],
        {"a": NOT_EXPECTED, "b": NOT_EXPECTED},
        failed_on="02-04",
    ),
    "no statements": Case([sent("a", 500, "02-05")], [], {"a": NO_DATA}, periods=()),
    "before the statements begin": Case(
        [sent("a", 500, "01-10")], [], {"a": NO_DATA}, periods=[(day("02-01"), day("03-11"))]
    ),
    "in a gap of the statements": Case(
        [sent("a", 500, "02-01")],
        [],
        {"a": NO_DATA},
        periods=[(day("01-02"), day("01-19")), (day("02-20"), day("03-11"))],
    ),
    "covered through the grace": Case(
        [sent("a", 500, "02-05")],
        [],
        {"a": OVERDUE},
        found=missing("a"),
        periods=[(day("02-05"), day("02-12"))],
    ),
    "covered to a day before the grace ends": Case(
        [sent("a", 500, "02-05")],
        [],
        {"a": IN_TRANSIT},
        periods=[(day("02-05"), day("02-09"))],
    ),
    "a holiday is no business day": Case(
        [sent("a", 500, "01-12")],
        [],
        {"a": IN_TRANSIT},
        periods=[(day("01-12"), day("01-19"))],
    ),
    "statements of business days leave no gap": Case(
        [sent("a", 500, "02-05")],
        [],
        {"a": OVERDUE},
        found=missing("a"),
        periods=[(day(f"02-{n:02}"), day(f"02-{n:02}")) for n in (5, 6, 7, 8, 9, 12)],
    ),
    "due yesterday": Case([sent("a", 500, "03-11")], [], {"a": IN_TRANSIT}),
    "due next week": Case([sent("a", 500, "03-20")], [], {"a": IN_TRANSIT}),
    "a pending line": Case(
        [sent("a", 500, "02-05")],
        [Line("1", 500, "02-06", is_booked=False)],
        {"a": OVERDUE},
        {"1": "pending"},
        missing("a"),
    ),
}


def put_platform(connection: duckdb.DuckDBPyConnection) -> None:
    """Make one of the accounts the platform, so that exceptions without an account have one."""
    connection.execute(
        "update stripe.accounts set is_platform_account = true where id = ?",
        [account_of("no statements")],
    )


class Decisions:
    """What was decided, by case."""

    def __init__(self, bench: Workbench) -> None:
        self.payouts: dict[str, dict[str, tuple[str, str | None]]] = defaultdict(dict)
        self.lines: dict[str, dict[str, str]] = defaultdict(dict)
        self.found: dict[str, set[tuple[str, str | None]]] = defaultdict(set)
        self.ages: dict[tuple[str, str], int | None] = {}
        for account, payout, status, rule, age in bench.rows(
            "select account_id, payout_id, bank_match_status, bank_match_rule, days_outstanding "
            "from finance.fct_payout_reconciliation"
        ):
            self.payouts[account][payout] = (status, rule)
            self.ages[account, payout] = age
        for account, reference, status in bench.rows(
            "select bank_account_id, bank_reference, line_match_status "
            "from finance.fct_bank_statement_lines"
        ):
            self.lines[account][reference] = status
        for account, kind, payout in bench.rows(
            "select account_id, exception_type, payout_id "
            "from finance.fct_reconciliation_exceptions"
        ):
            self.found[account].add((kind, payout))


@pytest.fixture(scope="module")
def decided(bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Decisions:
    raw: Path = load_cases(tmp_path_factory.mktemp("cases"), CASES)
    bench.put(raw)
    with duckdb.connect(str(bench.path)) as connection:
        put_platform(connection)
    bench.project.run_models()
    assert bench.project.run_tests() == []
    return Decisions(bench)


@pytest.mark.parametrize("name", CASES)
def test_each_payout_has_its_decision(decided: Decisions, name: str) -> None:
    assert decided.payouts[account_of(name)] == CASES[name].expected


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.line_status])
def test_each_line_has_its_decision(decided: Decisions, name: str) -> None:
    lines = decided.lines[bank_account_of(name)]
    expected = CASES[name].line_status
    assert {reference: lines[reference] for reference in expected} == expected


@pytest.mark.parametrize("name", CASES)
def test_what_is_open_is_told_and_nothing_else(decided: Decisions, name: str) -> None:
    assert decided.found[account_of(name)] == set(CASES[name].found)


def test_a_gap_between_statements_stays_one_however_often_they_are_there(
    bench: Workbench, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of many accounts: which of two equal periods a window takes first is up to the engine."""
    weeks = [(FIRST + timedelta(7 * n), FIRST + timedelta(7 * n + 6)) for n in range(10) if n != 6]
    gap = Case([sent("a", 500, "02-16")], periods=weeks)
    names = [f"shop {number}" for number in range(100)]
    bench.put(load_cases(tmp_path_factory.mktemp("gaps"), dict.fromkeys(names, gap)))
    with duckdb.connect(str(bench.path)) as connection:
        for name in names:
            put_source(connection, f"{name} again", bank_account_of(name), [], weeks)
    bench.project.run_models()
    assert bench.project.run_tests() == []
    statuses = "select distinct bank_match_status from finance.fct_payout_reconciliation"
    assert bench.rows(statuses) == [("in_transit",)]


def test_only_open_payouts_age_from_their_arrival_date(decided: Decisions) -> None:
    assert decided.ages[account_of("covered through the grace"), "a"] == 36
    assert decided.ages[account_of("due next week"), "a"] == 0
    assert decided.ages[account_of("one payout, one line"), "a"] is None
    assert decided.ages[account_of("no statements"), "a"] is None
