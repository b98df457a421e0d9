"""A step of the dbt project in a process of its own, with the time that each node of it took.

Run as a program, it is that process: `python -m tests.bench.building <as of> run_models` works in
the folder that it is started in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.measuring import BenchError, Run, peak_megabytes_until_now, run

if TYPE_CHECKING:
    from loader.build import DbtProject

_SLOWEST_SHOWN = 3
_TOOK = "took.json"

# A step that begins so builds the models that dbt's selectors after it name, and no others.
ALONE = "alone "


@dataclass(frozen=True)
class Node:
    """One model or test of dbt's."""

    name: str
    path: str
    seconds: float
    began: datetime
    ended: datetime


@dataclass(frozen=True)
class Built:
    """What one step took."""

    run: Run
    seconds: float
    """What dbt calls `elapsed_time`: the nodes, without reading the project."""
    peak_megabytes: float
    """Until its end, of the process and of those that it began (a JVM)."""
    nodes: Sequence[Node]

    def within(self, folder: str) -> Built:
        """Answer the same of the models in a folder of the project alone.

        Raises:
            BenchError: none of them was built.
        """
        nodes = [node for node in self.nodes if node.path.startswith(folder)]
        if not nodes:
            raise BenchError(f"no model of {folder} was built")
        return replace(self, nodes=nodes)

    def wall_seconds(self) -> float:
        """Answer what passed from the first node's start to the last one's end."""
        began = min(node.began for node in self.nodes)
        return (max(node.ended for node in self.nodes) - began).total_seconds()

    def slowest(self) -> str:
        """Say which nodes took longest."""
        ordered = sorted(self.nodes, key=lambda node: -node.seconds)
        return ", ".join(f"{node.name} {node.seconds:.1f}" for node in ordered[:_SLOWEST_SHOWN])


def build(folder: Path, as_of: datetime, step: str) -> Built:
    """Run a step (`run_models`, `run_tests`) on the warehouse in a folder.

    Raises:
        BenchError: it failed, or a test does not hold.
    """
    (built,) = build_in_steps(folder, as_of, (step,), {})
    return built


def build_in_steps(
    folder: Path, as_of: datetime, steps: Sequence[str], settings: Mapping[str, str]
) -> list[Built]:
    """Run several steps in one process, with the engine that settings (`TIEOUT_…`) name.

    Args:
        folder: where the warehouse lies.
        as_of: the moment that "today" is.
        steps: names of the project's own, or `ALONE` and dbt's selectors.
        settings: by their names.

    Raises:
        BenchError: one failed, or a test does not hold.
    """
    command = ("-m", "tests.bench.building", as_of.isoformat(), *steps)
    done = run(None, folder, command, settings).expect(0)
    took = json.loads((folder / _TOOK).read_text(encoding="utf-8"))
    return [
        Built(
            done, step["seconds"], step["peak_megabytes"], [_node(told) for told in step["nodes"]]
        )
        for step in took
    ]


def _node(told: Mapping[str, Any]) -> Node:
    began, ended = (datetime.fromisoformat(told[end]) for end in ("began", "ended"))
    return Node(told["name"], told["path"], told["seconds"], began, ended)


def _build_here(as_of: datetime, steps: Sequence[str]) -> None:
    # dbt is not imported by the bench itself: what that process holds counts for its children.
    from loader.build import DbtProject  # noqa: PLC0415
    from loader.settings import Engine, load_settings  # noqa: PLC0415
    from loader.spark.build import SparkProject  # noqa: PLC0415
    from loader.spark.session import SparkLake  # noqa: PLC0415

    took = []
    run_dbt = DbtProject._run_dbt

    def watched(self: DbtProject, *command: str) -> Any:  # noqa: ANN401
        outcome = run_dbt(self, *command)
        if command[0] in {"build", "test"}:
            took.append(_told(outcome.result))
        return outcome

    DbtProject._run_dbt = watched  # type: ignore[method-assign]
    settings = load_settings()
    place = Path("warehouse.duckdb").resolve(), Path("target").resolve(), as_of
    project = DbtProject(*place)
    if settings.engine is Engine.SPARK:
        project = SparkProject(*place, lake=SparkLake(settings.lake, settings.spark_master))
    with project.session():
        for step in steps:
            failed = _take(project, step)
            if failed:
                sys.exit(f"These tests do not hold: {failed}")
    Path(_TOOK).write_text(json.dumps(took), encoding="utf-8")


def _take(project: DbtProject, step: str) -> Any:  # noqa: ANN401 - what does not hold, if it tests
    if not step.startswith(ALONE):
        return getattr(project, step)()
    selectors = step.removeprefix(ALONE).split()
    project.invoke("build", "--no-write-json", "--resource-type", "model", "--select", *selectors)
    return None


def _told(done: Any) -> dict[str, Any]:  # noqa: ANN401 - dbt's results
    return {
        "seconds": done.elapsed_time,
        "peak_megabytes": peak_megabytes_until_now(),
        "nodes": [_told_of_node(result) for result in done.results],
    }


def _told_of_node(result: Any) -> dict[str, Any]:  # noqa: ANN401 - dbt's, of one node
    times = [end for step in result.timing for end in (step.started_at, step.completed_at)]
    return {
        "name": result.node.name,
        "path": result.node.original_file_path,
        "seconds": result.execution_time,
        "began": min(times).isoformat(),
        "ended": max(times).isoformat(),
    }


if __name__ == "__main__":
    _build_here(datetime.fromisoformat(sys.argv[1]), sys.argv[2:])
