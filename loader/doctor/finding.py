"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    """A run goes through, but look at it."""
    PROBLEM = "problem"
    """A run fails, or leaves accounts out."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found and, where something is wrong, what to do."""

    mark: Mark
    subject: str
    found: str
    advice: str = ""


def ok(subject: str, found: str) -> Finding:
    """Answer that all is well."""
    return Finding(Mark.OK, subject, found)


def warning(subject: str, found: str, advice: str = "") -> Finding:
    """Answer something to look at."""
    return Finding(Mark.WARNING, subject, found, advice)


def problem(subject: str, found: str, advice: str) -> Finding:
    """Answer something that has to be mended."""
    return Finding(Mark.PROBLEM, subject, found, advice)
