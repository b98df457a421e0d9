"""The grammar of the dbt project, held against dbt's own reading of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from loader.build import DBT_PROJECT
from tests.dbt.warehouses import Workbench

# A model reads models of its own step or an earlier one.
STEPS = (
    "staging",
    "intermediate/attribution",
    "intermediate/reconciliation",
    "intermediate/bank_matching",
    "intermediate/exceptions",
    "marts",
)

DUCKDB_WORDS = (
    r"make_timestamp|->>|json_extract|json_type|list_sum|date_diff|\bexclude\b|\breplace\s*\("
    r"|(order|group) by all|filter\s*\(|\bqualify\b|try_cast|::|\bunnest\b|arg_max|arg_min"
    r"|any_value|\bilike\b|\bmd5\s*\(|concat_ws|string_agg|epoch_ms|\binterval\b|\bpivot\b"
)

Node = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(bench: Workbench, empty_raw: Path) -> dict[str, Any]:
    bench.put(empty_raw)
    bench.dbt("parse")
    read: dict[str, Any] = json.loads((bench.target_dir / "manifest.json").read_text())
    return read


def nodes(manifest: dict[str, Any], kind: str) -> list[Node]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == kind]


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[Node]:
    return nodes(manifest, "model")


def step_of(model: Node) -> str:
    folder = model["path"].rpartition("/")[0]
    return next(step for step in STEPS if folder.startswith(step))


def names(found: list[Node]) -> list[str]:
    return sorted(node["name"] for node in found)


GRAMMAR = {
    r"staging/(\w+)": r"stg_{0}__[a-z_]+s",
    r"intermediate/\w+": r"int_[a-z]+(_[a-z]+)*s(_[a-z]+)+",
    r"marts/\w+": r"(fct|dim)_[a-z_]+",
}


def follows_grammar(model: Node) -> bool:
    folder = model["path"].rpartition("/")[0]
    for pattern, grammar in GRAMMAR.items():
        match = re.fullmatch(pattern, folder)
        if match:
            return re.fullmatch(grammar.format(*match.groups()), model["name"]) is not None
    return False


def test_names_say_the_layer_and_the_folder(models: list[Node]) -> None:
    assert names([model for model in models if not follows_grammar(model)]) == []


def test_only_staging_reads_sources(models: list[Node]) -> None:
    readers = {
        model["path"].partition("/")[0]
        for model in models
        if any(parent.startswith("source.") for parent in model["depends_on"]["nodes"])
    }
    assert readers == {"staging"}


def test_a_staging_model_reads_one_raw_table(models: list[Node]) -> None:
    read = {
        model["name"]: [
            parent for parent in model["depends_on"]["nodes"] if not parent.endswith("._dlt_loads")
        ]
        for model in models
        if step_of(model) == "staging"
    }
    assert all(len(parents) == 1 and parents[0].startswith("source.") for parents in read.values())


def test_no_step_reads_a_later_one(manifest: dict[str, Any], models: list[Node]) -> None:
    wrong = [
        (model["name"], parent)
        for model in models
        for parent in model["depends_on"]["nodes"]
        if parent.startswith("model.")
        and STEPS.index(step_of(manifest["nodes"][parent])) > STEPS.index(step_of(model))
    ]
    assert wrong == []


def test_every_model_says_what_one_row_is(models: list[Node]) -> None:
    silent = [m for m in models if not m["description"].startswith("One row per ")]
    assert names(silent) == []


def test_every_source_table_says_what_one_row_is(manifest: dict[str, Any]) -> None:
    sources = list(manifest["sources"].values())
    assert names([s for s in sources if not s["description"].startswith("One row per ")]) == []


def test_every_test_is_described_or_named_for_what_it_asserts(manifest: dict[str, Any]) -> None:
    singular = [t for t in nodes(manifest, "test") if "test_metadata" not in t]
    assert singular
    assert names([t for t in singular if not t["description"]]) == []
    assert names([t for t in singular if not t["name"].startswith("assert_")]) == []
    unit_tests = list(manifest["unit_tests"].values())
    assert names([t for t in unit_tests if not t["description"]]) == []


def test_every_model_has_a_tested_key(manifest: dict[str, Any], models: list[Node]) -> None:
    keyed = {
        test["attached_node"]
        for test in nodes(manifest, "test")
        if test.get("test_metadata", {}).get("name") in {"primary_key", "unique"}
    }
    # Never stored, or the same rows under the names that they were loaded with.
    tested_in = {
        "int_balance_transactions_united": "int_balance_transactions_attributed",
        "stg_stripe__ledger_rows": "stg_stripe__balance_transactions",
        "stg_stripe__payout_list_rows": "stg_stripe__payout_transactions",
    }
    missing = [
        m for m in models if f"model.tieout.{tested_in.get(m['name'], m['name'])}" not in keyed
    ]
    assert names(missing) == []


def test_every_data_test_is_on(manifest: dict[str, Any]) -> None:
    off = [key for key in manifest["disabled"] if key.startswith(("test.", "unit_test."))]
    assert off == []


def test_published_models_have_contracts_and_inner_ones_are_private(models: list[Node]) -> None:
    marts = [model for model in models if step_of(model) == "marts"]
    assert marts
    assert names([m for m in marts if not m["contract"]["enforced"]]) == []
    assert names([m for m in marts if m["access"] != "public"]) == []
    inner = [model for model in models if step_of(model) != "marts"]
    assert names([m for m in inner if m["access"] != "private"]) == []


def test_tables_that_go_on_are_only_added_to_and_others_have_no_hooks(models: list[Node]) -> None:
    """Tieout's own materializations do no more, and refuse the rest."""
    going_on = [m for m in models if m["config"]["materialized"] == "incremental"]
    assert going_on
    assert names([m for m in going_on if m["config"]["incremental_strategy"] != "append"]) == []
    others = [m for m in models if m not in going_on]
    hooks = [m for m in others if m["config"]["pre-hook"] or m["config"]["post-hook"]]
    assert names(hooks) == []


def test_every_published_model_is_used_by_somebody(
    manifest: dict[str, Any], models: list[Node]
) -> None:
    used = {
        parent
        for exposure in manifest["exposures"].values()
        for parent in exposure["depends_on"]["nodes"]
    }
    marts = {model["unique_id"] for model in models if step_of(model) == "marts"}
    assert marts <= used


def test_sources_have_freshness(manifest: dict[str, Any]) -> None:
    stale = [
        source
        for source in manifest["sources"].values()
        if not source["name"].startswith("_dlt")
        and not (source["freshness"] and source["freshness"]["warn_after"]["count"])
    ]
    assert names(stale) == []


def sql_files() -> list[Path]:
    folders = ("models", "macros", "tests")
    return [
        p for f in folders for p in (DBT_PROJECT / f).rglob("*.sql") if "dialect" not in p.parts
    ]


def without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", re.sub(r"\{#.*?#\}", "", sql, flags=re.DOTALL))


def test_only_the_dialect_macros_speak_duckdb() -> None:
    spoken = {
        str(path.relative_to(DBT_PROJECT)): found.group()
        for path in sql_files()
        if (found := re.search(DUCKDB_WORDS, without_comments(path.read_text())))
    }
    assert spoken == {}


def test_no_model_asks_the_engines_clock() -> None:
    clock = re.compile(r"\bnow\s*\(|current_(date|timestamp|time)\b|\btoday\s*\(", re.IGNORECASE)
    assert [p.name for p in sql_files() if clock.search(without_comments(p.read_text()))] == []


def test_every_engine_says_every_dialect_macro() -> None:
    sql = "".join(p.read_text() for p in (DBT_PROJECT / "macros" / "dialect").glob("*.sql"))
    macros = set(re.findall(r"\{% macro (\w+)\(", sql))
    shared = {name for name in macros if not name.startswith(("duckdb__", "spark__"))}
    assert shared == set(re.findall(r"adapter\.dispatch\('(\w+)'\)", sql))
    assert macros - shared == {f"{e}__{name}" for e in ("duckdb", "spark") for name in shared}
