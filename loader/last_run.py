"""Reads `run.json`: when the last run was and how it ended."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


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


def last_complete_run_at(folder: Path) -> str | None:
    """Answer when the last run began that read every account; none if none is known."""
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # `tieout status` tells; the next run writes it anew
        return None
    began = record.get("complete_run_started_at") if isinstance(record, dict) else None
    return began if isinstance(began, str) else None


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
