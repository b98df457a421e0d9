"""Says in a sentence why a run failed, and what to do, where files and disks are the reason.

DuckDB, dlt and dbt each wrap the same few troubles in their own words, some in a whole trace.
"""

from __future__ import annotations

import re
from errno import EDQUOT, EFBIG, ENOSPC

# The system's words for these three, as DuckDB, dlt and dbt repeat them.
_FULL = re.compile("No space left on device|File too large|Disk quota exceeded")
_FULL_FILE = re.compile(r'Could not write file "([^"]+)"')
_HELD = re.compile(r'lock on file "([^"]+)": Conflicting lock is held in (.+?) \(PID (\d+)\)')
_NEWER = re.compile("with version number [0-9]+, but we can only read versions")
_DAMAGED = re.compile(
    "not a valid DuckDB database file|Corrupt database file|Could not read enough bytes"
    "|Failure while replaying WAL file"
)
_TRACE = "Traceback (most recent call last)"


def told(error: BaseException) -> str:
    """Answer what to tell the user about an error that ended a run."""
    said = _without_trace(str(error))
    return file_trouble(error) or _of_the_system(error) or said


def file_trouble(error: BaseException) -> str | None:
    """Answer which of the known troubles with files an error tells of; none if it is another."""
    said = str(error)
    if is_full(error):
        file = _FULL_FILE.search(said)
        reason = _FULL.search(said)
        return (
            f"{file[1] if file else 'A file'} could not be written: "
            f"{reason[0] if reason else 'no space left'}. Free some space, then run again. What "
            "was already loaded is kept, and what was published before stands."
        )
    held = _HELD.search(said)
    if held:
        return (
            f"{held[1]} is held by another program: {held[2]} (PID {held[3]}). Close it, or wait "
            "until it ends, then run again. BI tools should open reconciliation.duckdb instead, "
            "read-only."
        )
    if _NEWER.search(said):
        return f"{said.rstrip('.')}. A newer DuckDB wrote this file: upgrade Tieout."
    if _DAMAGED.search(said):
        return (
            f"{said.rstrip('.!')}. The file is damaged. Put a copy of it back, or move it away: "
            "the next run makes it anew."
        )
    return None


def is_full(error: BaseException) -> bool:
    """Tell whether a disk, a quota or a limit on files takes no more."""
    if isinstance(error, OSError) and error.errno in {ENOSPC, EDQUOT, EFBIG}:
        return True
    return bool(_FULL.search(str(error)))


def _of_the_system(error: BaseException) -> str | None:
    if not isinstance(error, OSError) or error.strerror is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror}. Check TIEOUT_DATA_DIR, and that you may write to it."


def _without_trace(said: str) -> str:
    """Answer the text with a stack trace in it shortened to the trace's last line."""
    before, trace, after = said.partition(_TRACE)
    if not trace:
        return said
    # Each trace ends with the line that starts at the margin; what follows it is ours.
    ends = re.findall(r"^(?:\w+\.)*\w+: (.*)$", after, flags=re.MULTILINE)
    last = ends[-1].strip() if ends else "see the log"
    return f"{before.strip()} {last}"
