"""The locks that keep two runs out of one mode's folder; the system frees them if a run dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_RUN, _EVENTS = ".lock", ".events.lock"

# Longer than any run that goes on; after that something is wrong with the other one.
LONGEST_WAIT_SECONDS = 24 * 3600.0
_BETWEEN_LOOKS_SECONDS = 0.2


@contextmanager
def run_lock(
    folder: Path, *, waits: bool = False, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold the folder's lock.

    Args:
        folder: the mode's.
        waits: wait for another run to end. What a run that events started holds is waited for in
            any case: it is short, and nobody watches it.
        on_wait: called once if it has to wait.

    Raises:
        Timeout: another run is at work.
    """
    lock = FileLock(folder / _RUN)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if not waits and not _is_held(folder / _EVENTS):
            raise
        on_wait()
        lock.acquire(timeout=LONGEST_WAIT_SECONDS, poll_interval=_BETWEEN_LOOKS_SECONDS)
    try:
        yield
    finally:
        lock.release()


def events_lock(folder: Path) -> FileLock:
    """Answer the lock that a run holds beside the other one if events started it."""
    return FileLock(folder / _EVENTS, timeout=LONGEST_WAIT_SECONDS)


def is_run_at_work(folder: Path) -> bool:
    """Tell whether a run holds the folder's lock."""
    return _is_held(folder / _RUN)


def _is_held(path: Path) -> bool:
    """Tell whether a lock is held.

    It is taken for an instant to find out, so it is only asked where there is one.
    """
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
