"""What people read of the project: comments in the file that BI tools show, and freshness."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dbt.warehouses import Workbench

PUBLISHED = "schema_name = 'finance'"


@pytest.fixture(scope="module")
def built(bench: Workbench, empty_raw: Path) -> Workbench:
    bench.put(empty_raw)
    bench.project.run_models()
    return bench


def test_every_published_column_has_a_comment_in_the_file(built: Workbench) -> None:
    silent = built.rows(
        "select schema_name, table_name, column_name from duckdb_columns() "
        f"where {PUBLISHED} and coalesce(comment, '') = '' order by all"
    )
    assert silent == []


def test_every_published_table_has_a_comment_in_the_file(built: Workbench) -> None:
    silent = built.rows(
        "select table_name from duckdb_tables() "
        f"where {PUBLISHED} and coalesce(comment, '') = '' order by all"
    )
    assert silent == []


def test_no_comment_was_left_unrendered(built: Workbench) -> None:
    unrendered = built.rows(
        "select table_name, column_name from duckdb_columns() where contains(comment, '{{')"
    )
    assert unrendered == []


def test_raw_data_has_a_freshness(built: Workbench) -> None:
    results = built.dbt("source", "freshness").results
    assert results
    assert {r.node.name: str(r.status) for r in results if str(r.status) != "pass"} == {}
