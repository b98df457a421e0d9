"""A step of the dbt project in a process of its own, with the time that each node of it took.

Run as a program, it is that process: `python -m tests.bench.building run_models <as of>` works in
the folder that it is started in.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.bench.measuring import BenchError, Run, run

_SLOWEST_SHOWN = 3
_TOOK = "took.json"


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

    def slowest(self) -> str:
        """Say which nodes took longest."""
        ordered = sorted(self.nodes, key=lambda node: -node.seconds)
        return ", ".join(f"{node.name} {node.seconds:.1f}" for node in ordered[:_SLOWEST_SHOWN])


def build(folder: Path, as_of: datetime, step: str) -> Built:
    """Run a step (`run_models`, `run_tests`) on the warehouse in a folder.

    Raises:
        BenchError: it failed, or a test does not hold.
    """
    command = ("-m", "tests.bench.building", step, as_of.isoformat())
    done = run(None, folder, command).expect(0)
    took = json.loads((folder / _TOOK).read_text(encoding="utf-8"))
    nodes = [
        Node(
            name=node["name"],
            path=node["path"],
            seconds=node["seconds"],
            began=datetime.fromisoformat(node["began"]),
            ended=datetime.fromisoformat(node["ended"]),
        )
        for node in took["nodes"]
    ]
    return Built(done, took["seconds"], nodes)


def _build_here(step: str, as_of: datetime) -> None:
    # dbt is not imported by the bench itself: what that process holds counts for its children.
    from dbt.cli.main import dbtRunnerResult  # noqa: PLC0415

    from loader.build import DbtProject  # noqa: PLC0415

    class Watched(DbtProject):
        def _run_dbt(self, *command: str) -> dbtRunnerResult:
            outcome = super()._run_dbt(*command)
            done: Any = outcome.result
            took = {
                "seconds": done.elapsed_time,
                "nodes": [_told(result) for result in done.results],
            }
            Path(_TOOK).write_text(json.dumps(took), encoding="utf-8")
            return outcome

    project = Watched(Path("warehouse.duckdb").resolve(), Path("target").resolve(), as_of)
    failed = getattr(project, step)()
    if failed:
        sys.exit(f"These tests do not hold: {failed}")


def _told(result: Any) -> dict[str, Any]:  # noqa: ANN401 - dbt's, of one node
    times = [end for step in result.timing for end in (step.started_at, step.completed_at)]
    return {
        "name": result.node.name,
        "path": result.node.original_file_path,
        "seconds": result.execution_time,
        "began": min(times).isoformat(),
        "ended": max(times).isoformat(),
    }


if __name__ == "__main__":
    _build_here(sys.argv[1], datetime.fromisoformat(sys.argv[2]))
