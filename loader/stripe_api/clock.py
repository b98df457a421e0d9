"""What time it is at Stripe, by the `Date` of its answers."""

from __future__ import annotations

import math
import time
from email.utils import parsedate_to_datetime

# `Date` is told in whole seconds: what it means is half a second later, give or take as much.
HALF_A_SECOND = 0.5


class ServerClock:
    """The server's clock, as the quickest answer showed it.

    Between answers it goes on by this machine's steady clock (`time.monotonic`), whatever the one
    on its wall is set to meanwhile.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()
        self._doubt = math.inf
        self._latest = -math.inf

    @property
    def seconds_ahead(self) -> float:
        """The server's clock less this machine's, as far as known; 0 before any answer."""
        return self.at(time.monotonic()) - time.time()

    def now(self) -> float:
        """Answer the server's time as far as it is known (Unix time).

        It never goes back, whatever is learned meanwhile: of two things, the one that began later
        must not be dated earlier.
        """
        self._latest = max(self._latest, self.at(time.monotonic()))
        return self._latest

    def at(self, moment: float) -> float:
        """Answer the server's time at a moment of the steady clock, as far as it is known."""
        return moment + self._offset

    def heard(self, date: str | None, sent: float, received: float) -> None:
        """Learn from the `Date` header of an answer, asked for and had at these moments.

        The quickest answer counts, until another one contradicts it: the server's clock was set,
        or this machine slept.
        """
        if date is None:
            return
        try:
            told = parsedate_to_datetime(date).timestamp() + HALF_A_SECOND
        except ValueError:
            return
        offset = told - (sent + received) / 2
        doubt = HALF_A_SECOND + (received - sent) / 2
        if doubt < self._doubt or abs(offset - self._offset) > doubt + self._doubt:
            self._offset, self._doubt = offset, doubt
