"""dbt's own unit tests, run on a warehouse that holds every raw table and no row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.dbt.warehouses import Workbench


@pytest.fixture(scope="module")
def empty(bench: Workbench, empty_raw: Path) -> Workbench:
    bench.put(empty_raw)
    bench.project.run_models()
    return bench


@pytest.fixture(scope="module")
def manifest(empty: Workbench) -> dict[str, Any]:
    empty.project.read()
    read: dict[str, Any] = json.loads((empty.target_dir / "manifest.json").read_text())
    return read


def test_a_platform_without_any_data_builds_and_holds_every_test(empty: Workbench) -> None:
    assert empty.project.run_tests() == []
    assert empty.rows("select count(*) from finance.fct_payout_reconciliation") == [(0,)]


def test_every_unit_test_passes(empty: Workbench) -> None:
    results = empty.dbt("test", "--resource-type", "unit_test").results
    assert {r.node.name: r.message for r in results if r.status != "pass"} == {}
    assert len(results) > 50


def values_expected(manifest: dict[str, Any], *columns: str) -> set[str]:
    """Answer every value that some unit test expects in one of the columns."""
    return {
        row[column]
        for test in manifest["unit_tests"].values()
        for row in test["expect"]["rows"]
        for column in columns
        if row.get(column) is not None
    }


def values_accepted(manifest: dict[str, Any], model: str, column: str) -> set[str]:
    """Answer what the data test on a column lets through."""
    name = f"{model}__{column}_is_known"
    node = next(node for node in manifest["nodes"].values() if node["name"] == name)
    return set(node["test_metadata"]["kwargs"]["values"])


RULES = {
    "fct_payout_reconciliation.reconciliation_status": ("reconciliation_status",),
    "fct_payout_reconciliation.settlement_status": ("settlement_status",),
    "fct_balance_transactions.attribution_status": ("attribution_status",),
    "fct_payout_reconciliation.bank_match_status": ("bank_match_status",),
    "fct_reconciliation_exceptions.exception_type": ("exception_type",),
    "fct_reconciliation_exceptions.severity": ("severity",),
    "int_payout_own_rows_checked.own_row_status": ("own_row_status",),
}


@pytest.mark.parametrize("rule", RULES)
def test_every_value_of_a_rule_is_expected_by_a_unit_test(
    manifest: dict[str, Any], rule: str
) -> None:
    model, column = rule.split(".")
    assert values_accepted(manifest, model, column) <= values_expected(manifest, *RULES[rule])


def test_every_reason_is_expected_by_a_unit_test(manifest: dict[str, Any]) -> None:
    reasons = values_expected(manifest, "composition_defect", "unreconciled_reason")
    assert reasons == {
        "itemization_incomplete",
        "missing_payout_row",
        "payout_row_mismatch",
        "transaction_in_two_payouts",
        "currency_mismatch",
        "component_differs",
        "orphan_payout_transaction",
        "components_do_not_sum",
    }


def test_every_aging_bucket_is_expected_by_a_unit_test(manifest: dict[str, Any]) -> None:
    assert values_expected(manifest, "aging_bucket") == {"0-1", "2-5", "6-10", "11-30", ">30"}
