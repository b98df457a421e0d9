"""Where there are no bank statements, what speaks of their lines is empty and is not made anew."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.dbt.bank_cases import Case, Line, bank_account_of, load_cases, put_source, sent
from tests.dbt.warehouses import Workbench

NAME = "shop"
CASE = Case(payouts=[sent("po_1", 12_345, "02-05")], periods=())


DECIDED = "intermediate.int_payouts_decided_at_bank"


def of_statements(bench: Workbench) -> set[str]:
    """Answer the tables that speak of statements' lines."""
    found = bench.rows(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where table_name similar to '(int|fct)_bank_.*'"
    )
    return {table for (table,) in found}


def left_by_a_run(bench: Workbench) -> set[str]:
    """Run the models; answer those of these tables, and of decisions, that were not made anew."""
    tables = {*of_statements(bench), DECIDED}
    bench.change(f"alter table {table} add column stands boolean" for table in tables)
    bench.project.run_models()
    found = bench.rows(
        "select schema_name || '.' || table_name from duckdb_columns() where column_name = 'stands'"
    )
    return {table for (table,) in found}


def counted(bench: Workbench) -> dict[str, int]:
    return {table: len(bench.rows(f"from {table}")) for table in of_statements(bench)}


def status(bench: Workbench) -> str:
    ((found,),) = bench.rows("select bank_match_status from finance.fct_payout_reconciliation")
    return str(found)


@pytest.fixture
def built(bench: Workbench, tmp_path: Path) -> Workbench:
    """Build payouts that the user has mapped to a bank account, of which no statement is there."""
    bench.put(load_cases(tmp_path, {NAME: CASE}))
    bench.change(
        [
            "insert into bank.account_mappings by name "
            f"select 1 as line_number, 'acct_shop' as account_id, '{bank_account_of(NAME)}' "
            "as bank_account_id",
            "insert into bank.match_overrides by name select 1 as line_number, "
            "'acct_shop' as account_id, 'po_1' as payout_id, 'line_1' as bank_statement_line_id",
        ]
    )
    bench.project.run_models(full=True)
    return bench


def test_they_are_empty_and_stay_as_they_are(built: Workbench) -> None:
    assert len(of_statements(built)) > 15
    assert set(counted(built).values()) == {0}
    assert left_by_a_run(built) == of_statements(built)
    assert status(built) == "no_bank_data"


def test_they_are_made_when_statements_come_and_when_they_go(built: Workbench) -> None:
    with duckdb.connect(str(built.path)) as connection:
        put_source(connection, NAME, bank_account_of(NAME), [Line("r1", 12_345, "02-06")])
    assert left_by_a_run(built) == set()
    assert status(built) == "matched"
    assert counted(built)["finance.fct_bank_matches"] == 1

    raw = ("statement_files", "statements", "statement_lines")
    built.change([f"delete from bank.{table}" for table in raw])
    assert left_by_a_run(built) == set()
    assert status(built) == "no_bank_data"
    assert set(counted(built).values()) == {0}

    assert left_by_a_run(built) == of_statements(built)
