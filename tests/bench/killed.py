"""Runs the command line with its moments named, and kills the process (-9) at one of them.

    python -m tests.bench.killed folder "moment" count command …

A moment is a file that is opened, moved or removed in the data folder, or a statement that DuckDB
is about to execute: what dlt, dbt and publishing do, seen from outside of them. The process dies
before the `count`-th such moment happens; with a count of 0 it lives, and `moments.json` in the
folder tells how often each moment came.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

# The first that fits names a moment. Files are told by their path in the data folder.
MOMENTS = (
    ("extract: a table is written", r"write .*/normalize/.*/new_jobs/"),
    ("extract: a package is done", r"move to .*/normalize/extracted/"),
    ("normalise: a table is written", r"write .*/load/new/.*/new_jobs/"),
    ("normalise: a package is done", r"move to .*/load/normalized/[^/]+$"),
    ("load: tables are made", r"sql create (table|schema) \"stripe"),
    ("load: a job begins", r"move to .*/started_jobs/"),
    ("load: rows go to staging", r"sql insert into \"stripe_staging\""),
    ("load: rows are merged", r"sql (merge into|delete from) \"stripe\""),
    ("load: a transaction is committed", r"commit"),
    ("load: a job is done", r"move to .*/completed_jobs/"),
    ("load: a package is recorded", r"sql insert into \"stripe\"\.\"_dlt_loads\""),
    ("load: a package is put away", r"move to .*/load/loaded/"),
    ("build: a statement of dbt", r"sql /\* \{\"app\": \"dbt\""),
    ("export: a file is written", r"write .*/exports|sql copy"),
    ("export: the exports are replaced", r"move to .*/exports"),
    ("publish: a table is copied", r"sql insert into published\."),
    ("publish: the file is put in place", r"move to .*/reconciliation\.duckdb$"),
    ("publish: the record is put in place", r"move to .*/run\.json$"),
)
_PATTERNS = [(name, re.compile(pattern)) for name, pattern in MOMENTS]
_WRITING = os.O_WRONLY | os.O_RDWR


class Moments:
    """Counts moments, and kills this process at the one that is looked for."""

    def __init__(self, folder: str, name: str, count: int) -> None:
        self._folder = folder
        self._name = name
        self._count = count
        self._lock = threading.Lock()
        self.seen: Counter[str] = Counter()

    def watch(self) -> None:
        """Look at every file that is touched and every statement from now on."""
        sys.addaudithook(self._hear)
        connection = duckdb.DuckDBPyConnection
        execute, commit = connection.execute, connection.commit

        def heard_execute(self_: Any, query: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            self._happens("sql " + " ".join(str(query).split())[:200].lower())
            return execute(self_, query, *args, **kwargs)

        def heard_commit(self_: Any) -> Any:  # noqa: ANN401
            self._happens("commit")
            return commit(self_)

        connection.execute = heard_execute  # type: ignore[method-assign, assignment]
        connection.commit = heard_commit  # type: ignore[method-assign, assignment]

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(args[0], str) and args[2] & _WRITING:
            self._touched("write", args[0])
        elif event == "os.rename":
            self._touched("move to", str(args[1]))

    def _touched(self, what: str, path: str) -> None:
        if path.startswith(self._folder):
            self._happens(f"{what} {path.removeprefix(self._folder)}")

    def _happens(self, event: str) -> None:
        name = next((name for name, pattern in _PATTERNS if pattern.match(event)), None)
        if name is None:
            return
        with self._lock:
            self.seen[name] += 1
            if name == self._name and self.seen[name] == self._count:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the command line."""
    folder, name, count, *command = sys.argv[1:]
    moments = Moments(folder, name, int(count))
    moments.watch()
    from loader.cli import main as tieout  # noqa: PLC0415 - only once every moment is seen

    sys.argv = ["tieout", *command]
    try:
        tieout()
    finally:
        (Path(folder) / "moments.json").write_text(json.dumps(moments.seen))


if __name__ == "__main__":
    main()
