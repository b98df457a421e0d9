"""The benchmarks can be called, and see tables that are wrong. What they measure is not judged."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from tests.bench.__main__ import SCENARIOS, main
from tests.bench.figures import Figure, show, write
from tests.bench.measuring import BenchError
from tests.bench.tables import check_same


def test_the_help_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert list(SCENARIOS) == [
        "backfill",
        "limited",
        "platform",
        "large",
        "models",
        "matching",
        "statements",
        "engines",
        "events",
        "kills",
        "chaos",
    ]
    assert [
        name for name, run in SCENARIOS.items() if f"{name} " not in told or not run.__doc__
    ] == []


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["refill"])
    assert "no scenario 'refill'" in capsys.readouterr().err


def test_figures_stand_beside_their_floors(tmp_path: Path) -> None:
    figures = [
        Figure("backfill", "seconds", 3.0, "s", 2.0, goal="ratio ≤ 1.5"),
        Figure("large", "rows a second", 500.0, "", 1_000.0, is_rate=True),
        Figure("kills", "survived", 20),
    ]
    assert [figure.ratio for figure in figures] == [1.5, 2.0, None]
    console = Console(record=True, width=120, quiet=True)
    show(figures, console)
    write(figures, {"chaos": "rows differ"}, tmp_path / "new" / "bench.json")
    assert '"ratio": 1.5' in (tmp_path / "new" / "bench.json").read_text()


def published(path: Path, *amounts: int, table: str = "payouts") -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema finance")
        connection.execute(f"create table finance.{table} (amount bigint)")
        for amount in amounts:
            connection.execute(f"insert into finance.{table} values (?)", [amount])
    return path


def test_tables_that_differ_are_seen(tmp_path: Path) -> None:
    expected = published(tmp_path / "expected.duckdb", 1, 2, 2)
    check_same(expected, published(tmp_path / "same.duckdb", 2, 1, 2))
    wrong = [(1, 2), (1, 2, 2, 3), (1, 1, 2)]
    for place, amounts in enumerate(wrong):
        with pytest.raises(BenchError, match="1 rows of"):
            check_same(expected, published(tmp_path / f"wrong-{place}.duckdb", *amounts))
    with pytest.raises(BenchError, match="other tables"):
        check_same(expected, published(tmp_path / "else.duckdb", 1, 2, 2, table="others"))
