"""Reads `run.json`: when the last run was and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


class LastRunError(Exception):
    """`run.json` can't be understood; the message says why and what to do."""


@dataclass(frozen=True)
class LastRun:
    """How the last run ended."""

    finished_at: datetime
    exit_code: int
    error: str | None

    @property
    def outcome(self) -> str:
        """How it ended, as a sentence."""
        if self.exit_code == 0:
            return "everything that is due ties out."
        if self.exit_code == 3:  # noqa: PLR2004 - the README lists the codes
            return "it does not all tie out."
        return f"it failed. {self.error}" if self.error else "it was interrupted."


@dataclass(frozen=True)
class CompleteRun:
    """The last run that looked at every account and was published."""

    started_at: float
    """By this machine's clock, in seconds since 1970."""
    clock_offset_seconds: float
    """Stripe's clock less this machine's."""
    accounts_failed: frozenset[str]
    """Accounts that it could not read."""
    platform_account_id: str | None


def read_complete_run(folder: Path) -> CompleteRun | None:
    """Answer the last run that looked at every account; none if none is known."""
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        found = record["complete_run"]
        return CompleteRun(
            datetime.fromisoformat(found["started_at"]).timestamp(),
            float(found["clock_offset_seconds"]),
            frozenset(found["accounts_failed"]),
            found["platform_account_id"],
        )
    except (OSError, ValueError, KeyError, TypeError):  # `tieout status` tells what is wrong
        return None


def kept_complete_run(folder: Path) -> dict[str, Any] | None:
    """Answer the same as the record holds it, for the next record to carry on."""
    if read_complete_run(folder) is None:
        return None
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return dict(record["complete_run"])


def read_last_run(folder: Path) -> LastRun | None:
    """Answer how the last run in a mode's folder ended; none if there was none.

    Raises:
        LastRunError: the record can't be read.
    """
    path = folder / "run.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return LastRun(
            finished_at=datetime.fromisoformat(record["finished_at"]),
            exit_code=int(record["exit_code"]),
            error=record["error"],
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LastRunError(
            f"{path} can't be read ({type(error).__name__}). Delete it: the next run writes it."
        ) from None
