"""Another program, in a process of its own, that holds a DuckDB file open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLDER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
connection.execute("select 1")
print("open", flush=True)
sys.stdin.read()
"""


@contextmanager
def holding(path: Path, access: str) -> Iterator[int]:
    """Hold a file open to `read` or to `write` while the block runs; answer the process id."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), access],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()
            process.wait()
