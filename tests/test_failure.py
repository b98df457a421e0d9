from __future__ import annotations

import errno

import duckdb
import pytest

from loader.failure import told

DLT_SAID = """What was read could not be written: Job failed. Last failure message was: \
Traceback (most recent call last):
  File "/x/sql_client.py", line 261, in execute_query
    yield self.cursor_impl(cur.execute(query))
_duckdb.IOException: IO Error: first

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/x/sql_client.py", line 538, in _wrap_gen
    raise db_ex
dlt.destinations.exceptions.DatabaseTransientException: {reason}
. Run again: what was already loaded is kept."""

FULL = 'Failed to commit: Could not write file "/d/w.duckdb.wal": No space left on device'


def test_a_trace_in_what_a_library_says_is_cut_to_its_last_line() -> None:
    said = told(Exception(DLT_SAID.format(reason="Catalog Error: no table")))
    assert said == (
        "What was read could not be written: Job failed. Last failure message was: "
        "Catalog Error: no table"
    )


@pytest.mark.parametrize(
    ("error", "file"),
    [
        (Exception(DLT_SAID.format(reason=FULL)), "/d/w.duckdb.wal"),
        (duckdb.IOException(f"TransactionContext Error: {FULL}"), "/d/w.duckdb.wal"),
        (OSError(errno.ENOSPC, "No space left on device"), "A file"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "A file"),
    ],
)
def test_a_full_disk_is_told_whoever_says_it(error: Exception, file: str) -> None:
    said = told(error)
    assert said.startswith(f"{file} could not be written: ")
    assert "Free some space" in said
    assert "\n" not in said


def test_the_system_s_other_troubles_name_the_file() -> None:
    said = told(PermissionError(errno.EACCES, "Permission denied", "/d/run.json"))
    assert said.startswith("/d/run.json: Permission denied.")
    assert "TIEOUT_DATA_DIR" in said


def test_other_errors_are_told_as_they_are() -> None:
    assert told(ValueError("just so")) == "just so"
