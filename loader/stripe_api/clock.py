"""How far this machine's clock is from Stripe's, by the `Date` of its answers."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime


class ServerClock:
    """The server's clock less the local one, as the quickest answer showed it."""

    def __init__(self) -> None:
        self.offset: float | None = None
        """Seconds to add to the local time, to within half a second; none before any answer."""
        self._round_trip = math.inf
        self._latest = -math.inf

    def now(self) -> float:
        """Answer the server's time as far as it is known (Unix time).

        It never goes back, whatever is learned meanwhile: of two things, the one that began later
        must not be dated earlier.
        """
        self._latest = max(self._latest, self.at(time.time()))
        return self._latest

    def at(self, local: float) -> float:
        """Answer what the server's clock says at a Unix time of this machine, as far as known."""
        return local + (self.offset or 0)

    def heard(self, date: str | None, sent: float, received: float) -> None:
        """Learn from the `Date` header of an answer; sent and received are Unix times here."""
        if date is None or received - sent >= self._round_trip:
            return
        try:
            whole_second = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        self._round_trip = received - sent
        self.offset = whole_second + 0.5 - (sent + received) / 2
