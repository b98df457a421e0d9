"""`sandbox.json`: the seed and first day of a folder's sandbox, fixed at its first run.

They are kept so that a later run appends to and ages the same history.
"""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

STATE_FILE = "sandbox.json"
CLOCK_FILE = "sandbox.clock"
DAYS_OF_HISTORY = 90
DEFAULT_SEED = 1


class SandboxStateError(Exception):
    """`sandbox.json` cannot be understood."""


@dataclass(frozen=True)
class SandboxState:
    """What a folder's sandbox is made from."""

    seed: int
    first_day: date
    broken: bool


def load_or_create(
    folder: Path,
    as_of: datetime,
    broken: bool | None,
    before_another_story: Callable[[], None] = lambda: None,
) -> SandboxState:
    """Return the folder's state, made at the first call and rewritten when `broken` differs.

    Where `broken` is None, the story stays as it is.

    `before_another_story` is called before `broken` changes: what an earlier run loaded belongs to
    the other story. A kill in between leaves the old state, so it is called again.
    """
    path = folder / STATE_FILE
    stored = _read(path) if path.exists() else None
    if stored is None:
        first_day = as_of.astimezone(UTC).date() - timedelta(days=DAYS_OF_HISTORY)
        state = SandboxState(seed=DEFAULT_SEED, first_day=first_day, broken=bool(broken))
    else:
        state = stored if broken is None else replace(stored, broken=broken)
        if stored.broken != state.broken:
            before_another_story()
    if state != stored:
        _write(path, state)
    return state


def told_through(folder: Path) -> datetime | None:
    """Return how far a moving story was told in a folder; none if it never moved."""
    try:
        return datetime.fromisoformat((folder / CLOCK_FILE).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None


def tell_through(folder: Path, now: datetime) -> None:
    """Note how far a moving story has been told: it does not begin again before that."""
    unfinished = folder / f"{CLOCK_FILE}.new"
    unfinished.write_text(now.isoformat() + "\n", encoding="utf-8")
    unfinished.replace(folder / CLOCK_FILE)


def _read(path: Path) -> SandboxState:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return SandboxState(
            seed=int(content["seed"]),
            first_day=date.fromisoformat(content["first_day"]),
            broken=bool(content["broken"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        message = f"{path} is not a sandbox's state ({error}); delete it to start a new sandbox"
        raise SandboxStateError(message) from error


def _write(path: Path, state: SandboxState) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Several loaders may begin at once in one folder.
    unfinished = path.with_suffix(f".json.{os.getpid()}.new")
    content = asdict(state) | {"first_day": state.first_day.isoformat()}
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(path)
