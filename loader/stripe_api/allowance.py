"""How much a limiter lets through, learned from what it refuses."""

from __future__ import annotations

import math

# What was in flight when it was lowered, or still counts in the limiter's second, is no news.
SETTLING_SECONDS = 1.0

# Lowered by the share that was refused, within these bounds.
LEAST_CUT, MOST_CUT = 0.03, 0.5

# So few answers prove no share: they are taken as if this many more had been let through.
ASSUMED_ANSWERS = 5

# After the least cut the old level is reached again in 10 s, 1.2 times it 20 s later.
GROWTH = LEAST_CUT / 10**3


class Allowance:
    """A number that refusals lower at once and calm raises again, never above its ceiling.

    It rises as CUBIC does (https://www.rfc-editor.org/rfc/rfc9438): quickly back towards the level
    that was last refused, slowly around it, then quickly again. So a steady limit is met closely
    with few refusals, and a limit that was lifted is noticed soon.
    """

    def __init__(self, ceiling: float, floor: float, least_cut: float = LEAST_CUT) -> None:
        """Make one that starts at its ceiling; an infinite one is for a limit not known.

        Args:
            ceiling: what it never exceeds.
            floor: what no refusal brings it below.
            least_cut: the share that every refusal takes off.
        """
        self._ceiling = ceiling
        self._floor = floor
        self._least_cut = least_cut
        self._peak = math.inf
        self._lowered_at = -math.inf
        self._seconds_to_peak = 0.0
        self._answers = 0
        self._refusals = 0

    def at(self, now: float) -> float:
        """Answer the number at a time of the event loop's clock."""
        if math.isinf(self._peak):
            return self._ceiling
        past_peak = now - self._lowered_at - self._seconds_to_peak
        grown = self._peak * (1 + GROWTH * past_peak**3)
        return min(self._ceiling, max(self._floor, grown))

    def answered(self, left_at: float) -> None:
        """Note that a request that left then was let through."""
        if left_at > self._lowered_at:
            self._answers += 1

    def refused(self, left_at: float, now: float, used: float) -> None:
        """Note that a request that left then was refused; lower the number if that is news.

        Args:
            left_at: when the request left.
            now: when its refusal came.
            used: how much is asked for now, which matters where the number was higher.
        """
        if left_at <= self._lowered_at:
            return
        self._answers += 1
        self._refusals += 1
        if left_at > self._lowered_at + SETTLING_SECONDS:
            self._lower(now, used)

    def _lower(self, now: float, used: float) -> None:
        share = self._refusals / (self._answers + ASSUMED_ANSWERS)
        cut = min(MOST_CUT, max(self._least_cut, share))
        self._peak = min(self.at(now), used)
        self._seconds_to_peak = math.cbrt(cut / GROWTH)
        self._lowered_at = now
        self._answers = self._refusals = 0
