"""The time of a story that moves."""

import time
from datetime import datetime, timedelta


class Clock:
    """The story's time, which starts at an instant and goes on at its own speed."""

    def __init__(self, start: datetime, speed: float) -> None:
        self._start = start
        self._speed = speed
        self._started = time.monotonic()

    def now(self) -> datetime:
        """Return the story's time."""
        passed = (time.monotonic() - self._started) * self._speed
        return self._start + timedelta(seconds=int(passed))
