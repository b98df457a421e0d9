"""`python -m tests.bench [scenario …]`: run them, print the table, write `bench.json`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from loader.sandbox.process import SandboxStartError
from tests.bench.bank import matching, statements
from tests.bench.engines import engines
from tests.bench.events import events
from tests.bench.faults import chaos, kills
from tests.bench.figures import Figure, show, write
from tests.bench.loads import Say, backfill, large, limited, platform
from tests.bench.measuring import BenchError
from tests.bench.models import models

Scenario = Callable[[Path, Say], Iterator[Figure]]

SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        backfill,
        limited,
        platform,
        large,
        models,
        matching,
        statements,
        engines,
        events,
        kills,
        chaos,
    )
}


def main(arguments: list[str] | None = None) -> int:
    """Run scenarios; answer 1 if a table was wrong or a run did not end."""
    parsed = _parser().parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 120)
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    try:
        for name in parsed.scenarios or SCENARIOS:
            with tempfile.TemporaryDirectory(prefix=f"tieout-bench-{name}-") as folder:
                try:
                    for figure in SCENARIOS[name](Path(folder), partial(_say, console, name)):
                        figures.append(figure)
                except (BenchError, SandboxStartError, OSError) as error:
                    failures[name] = str(error)
    finally:  # what was measured until then is kept when somebody interrupts
        show(figures, console)
        write(figures, failures, parsed.folder / "bench.json")
    console.print(f"Written to {parsed.folder / 'bench.json'}")
    for name, failure in failures.items():
        console.print(f"WRONG: {name}: {failure}", markup=False, style="bold red")
    return 1 if failures else 0


def _say(console: Console, scenario: str, text: str) -> None:
    console.print(f"{scenario}: {text} ...", markup=False, highlight=False)


def _name(text: str) -> str:
    if text not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"no scenario '{text}': {', '.join(SCENARIOS)}")
    return text


def _parser() -> argparse.ArgumentParser:
    lines = [
        f"  {name:10} {(function.__doc__ or '').strip()}" for name, function in SCENARIOS.items()
    ]
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="scenarios, all of them if none is named:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenarios", nargs="*", type=_name, metavar="scenario")
    parser.add_argument("--folder", type=Path, default=Path("data"), help="of bench.json (data)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
