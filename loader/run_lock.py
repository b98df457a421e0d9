"""The lock that keeps a second run out of a mode's folder; the system frees it if a run dies."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout


def run_lock(folder: Path) -> FileLock:
    """Answer the lock of a folder; entering it raises `Timeout` at once if a run is at work."""
    return FileLock(folder / ".lock", timeout=0)


def is_run_at_work(folder: Path) -> bool:
    """Tell whether a run holds the lock.

    The lock is taken for an instant to find out, so it is only asked where there is one.
    """
    if not (folder / ".lock").exists():
        return False
    try:
        with run_lock(folder):
            return False
    except Timeout:
        return True
