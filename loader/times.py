"""Moments as people read them: UTC, and how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def in_utc(moment: datetime) -> str:
    """Answer a moment to the minute, with its zone."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def ago(moment: datetime, now: datetime) -> str:
    """Answer how long ago a moment was, in the largest unit that fits."""
    return f"{span(now - moment)} ago" if now >= moment else "in the future"


def span(length: timedelta) -> str:
    """Answer a length of time in the largest unit that fits."""
    seconds = int(length.total_seconds())
    for unit, size in _UNITS:
        if seconds >= size:
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
