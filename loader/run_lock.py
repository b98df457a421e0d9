"""The locks that keep two runs out of one mode's folder; the system frees them if a run dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_RUN, _EVENTS, _SERVER = ".lock", ".events.lock", ".serve.lock"

# Longer than any run that goes on; after that something is wrong with the other one.
LONGEST_WAIT_SECONDS = 24 * 3600.0
_BETWEEN_LOOKS_SECONDS = 0.2


@contextmanager
def run_lock(
    folder: Path,
    *,
    waits: bool = False,
    on_wait: Callable[[], None] = lambda: None,
    part: str = "",
) -> Iterator[None]:
    """Hold the folder's lock.

    Args:
        folder: the mode's.
        waits: wait for another run to end. What a run that events started holds is waited for in
            any case: it is short, and nobody watches it.
        on_wait: called once if it has to wait.
        part: what alone is locked, for runs that are not in one another's way.

    Raises:
        Timeout: another run is at work.
    """
    lock = FileLock(folder / (f"{_RUN}-{part}" if part else _RUN))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        # The other lock is taken a moment after this one.
        if not waits and not any(_looks(folder / _EVENTS)):
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


def serve_lock(folder: Path) -> FileLock:
    """Answer the lock of the one server of a folder; entering it raises `Timeout` if there is."""
    return FileLock(folder / _SERVER, timeout=0)


def is_run_at_work(folder: Path) -> bool:
    """Tell whether a run holds the folder's lock."""
    return _is_held(folder / _RUN)


def _looks(path: Path) -> Iterator[bool]:
    """Look twice whether a lock is held."""
    yield _is_held(path)
    time.sleep(_BETWEEN_LOOKS_SECONDS)
    yield _is_held(path)


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
