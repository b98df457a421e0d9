"""Figures, each beside its floor: one table to read, one JSON file for programs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    scenario: str
    name: str
    value: float
    unit: str = ""
    floor: float | None = None
    """The least it could be, in the same unit, measured or counted in the same run."""
    goal: str = ""
    is_rate: bool = False
    """Whether more is better; the floor is then the most it could be."""

    @property
    def ratio(self) -> float | None:
        """How many times worse than its floor it is."""
        if not self.floor or not self.value:
            return None
        return self.floor / self.value if self.is_rate else self.value / self.floor


def show(figures: Iterable[Figure], console: Console) -> None:
    """Print the table."""
    load = f"load average {os.getloadavg()[0]:.1f}"
    table = Table(
        title="Benchmarks",
        caption=f"{os.cpu_count()} cores, {load}: on a busy machine take the ratios",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("Scenario")
    table.add_column("Figure", overflow="fold")
    for column in ("Tieout", "Floor", "Ratio"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("Goal")
    last = None
    for figure in figures:
        if last is not None and figure.scenario != last:
            table.add_section()
        table.add_row(
            figure.scenario if figure.scenario != last else "",
            figure.name,
            _number(figure.value, figure.unit),
            "" if figure.floor is None else _number(figure.floor, figure.unit),
            "" if figure.ratio is None else f"{figure.ratio:.2f}",
            figure.goal,
        )
        last = figure.scenario
    console.print(table)


def _number(value: float, unit: str) -> str:
    places = 0 if value == int(value) or abs(value) >= 1_000 else 2
    return f"{value:,.{places}f} {unit}".rstrip()


def write(figures: Iterable[Figure], failures: dict[str, str], path: Path) -> None:
    """Write the figures, where and on what they were measured, and what was wrong."""
    content = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "load_average": os.getloadavg(),
        },
        "figures": [asdict(figure) | {"ratio": figure.ratio} for figure in figures],
        "failures": failures,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _commit() -> str | None:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() or None
