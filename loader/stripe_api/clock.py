"""How far this machine's clock is from Stripe's, by the `Date` of its answers."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime


class ServerClock:
    """The server's clock less the local one, as the quickest answer showed it."""

    def __init__(self) -> None:
        self.offset: float | None = None
        """Seconds to add to the local time, to within half a second; none before any answer."""
        self._round_trip = math.inf

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
