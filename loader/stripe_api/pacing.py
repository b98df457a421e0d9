"""How fast requests may leave: evenly, just below Stripe's limits, slower where it refuses some.

Stripe does not say whether a call with `Stripe-Account` counts against the platform or against the
connected account. All count against the platform here: the stricter reading, which keeps both.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loader.stripe_api.allowance import MOST_CUT, SETTLING_SECONDS, Allowance

# The documented limit of one endpoint (https://docs.stripe.com/rate-limits).
ENDPOINT_REQUESTS_PER_SECOND = 25.0

# Three endpoints at 25 requests a second and half a second each; Stripe's limit is unpublished.
REQUESTS_IN_FLIGHT = 40

# The network delays one request more than the next: 25 requests spread over 1.015 s.
MARGIN = 0.015

# So much of what a busy event loop missed is caught up on, at four times the pace. The least is
# what even a small bucket of Stripe's holds: 2.5 requests of 25 a second.
MOST_CATCH_UP_SECONDS = 0.4
LEAST_CATCH_UP_SECONDS = 0.1
CATCH_UP_PACE = 4

# Slower than this no refusal makes it.
LEAST_REQUESTS_PER_SECOND = 0.5
LEAST_IN_FLIGHT = 1

# A first refusal among fewer in flight is put down to other programs of the same platform.
USUAL_IN_FLIGHT = 10


class Pace:
    """Spaces requests evenly, with never more than one second's in any second."""

    def __init__(self, requests_per_second: float, shares: int = 1) -> None:
        """Begin at a limit.

        Args:
            requests_per_second: the documented one, or the share of it; 0 if only refusals slow it.
            shares: among how many programs it is divided, and so the least that each is left with.
        """
        ceiling = requests_per_second * (1 - MARGIN) or math.inf
        self.allowance = Allowance(ceiling, min(ceiling, LEAST_REQUESTS_PER_SECOND / shares))
        self._catch_up = Allowance(MOST_CATCH_UP_SECONDS, LEAST_CATCH_UP_SECONDS, MOST_CUT)
        self._caught_up_at = -math.inf
        self._next_slot = -math.inf
        self._left: deque[float] = deque()

    def start(self, now: float) -> float:
        """Answer when the next request may leave, on the event loop's clock."""
        rate = self.allowance.at(now)
        if math.isinf(rate) or not self._left:
            return now
        start = max(self._next_slot, self._left[-1] + 1 / (CATCH_UP_PACE * rate))
        in_a_second = math.ceil(rate)
        if len(self._left) >= in_a_second:
            start = max(start, self._left[-in_a_second] + in_a_second / rate)
        return start

    def leaves(self, now: float) -> None:
        """Note that a request leaves now, be it later than it might have."""
        rate = self.allowance.at(now)
        if not self._left or math.isinf(rate):
            self._next_slot = now
        if now - self._next_slot > LEAST_CATCH_UP_SECONDS:
            self._caught_up_at = now
        self._next_slot = max(self._next_slot, now - self._catch_up.at(now)) + 1 / rate
        self._left.append(now)
        kept = 1.0 if math.isinf(rate) else math.ceil(rate) / rate
        while self._left[0] < now - kept:
            self._left.popleft()

    def refused(self, left_at: float, now: float) -> None:
        """Note that Stripe refused a request for the rate of requests.

        Just after catching up that is to blame, not the rate.
        """
        allowed = self._catch_up.at(now)
        if left_at - self._caught_up_at < SETTLING_SECONDS and allowed > LEAST_CATCH_UP_SECONDS:
            self._catch_up.refused(left_at, now, allowed)
            return
        used = max(len(self._left), ENDPOINT_REQUESTS_PER_SECOND)
        self.allowance.refused(left_at, now, used)


class Limits:
    """What limits one endpoint, or all together: the pace, and how many are in flight."""

    def __init__(self, requests_per_second: float, shares: int = 1) -> None:
        self.pace = Pace(requests_per_second, shares)
        in_flight = max(REQUESTS_IN_FLIGHT // shares, LEAST_IN_FLIGHT)
        self.places = Allowance(in_flight, LEAST_IN_FLIGHT)
        self.in_flight = 0

    def has_place(self, now: float) -> bool:
        """Tell whether one more may be in flight."""
        return self.in_flight < int(self.places.at(now))

    def leaves(self, now: float) -> None:
        """Note that a request leaves."""
        self.pace.leaves(now)
        self.in_flight += 1


class Endpoint(Limits):
    """The limits of one endpoint and the requests that wait for them, first come, first served."""

    def __init__(self, requests_per_second: float, shares: int = 1) -> None:
        super().__init__(requests_per_second, shares)
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def drop_cancelled(self) -> None:
        """Forget requests at the head of the queue that nobody waits for any more."""
        while self.waiting and self.waiting[0][1].done():
            self.waiting.popleft()


class Turn:
    """One request that may leave; it hears why Stripe refused it."""

    def __init__(self, endpoint: Limits, overall: Limits, left_at: float) -> None:
        self._endpoint, self._overall = endpoint, overall
        self._left_at = left_at
        self._reason: str | None = None

    def refused(self, reason: str | None) -> None:
        """Note HTTP 429 and its `Stripe-Rate-Limited-Reason`.

        Only rates and concurrency say that there were too many requests. `resource-specific`, and
        none at all (a lock was held), concern one object: to try again is enough.
        """
        self._reason = reason
        now = asyncio.get_running_loop().time()
        for scope, limits in self._scopes():
            if reason == f"{scope}-rate":
                limits.pace.refused(self._left_at, now)
            elif reason == f"{scope}-concurrency":
                used = max(limits.in_flight, USUAL_IN_FLIGHT)
                limits.places.refused(self._left_at, now, used)

    def ends(self) -> None:
        """Give the place in flight back; whatever did not refuse has let it through."""
        for scope, limits in self._scopes():
            limits.in_flight -= 1
            if self._reason != f"{scope}-rate":
                limits.pace.allowance.answered(self._left_at)
            if self._reason != f"{scope}-concurrency":
                limits.places.answered(self._left_at)

    def _scopes(self) -> tuple[tuple[str, Limits], ...]:
        return ("endpoint", self._endpoint), ("global", self._overall)


class Pacing:
    """The limits of every endpoint and of all together, shared by every task."""

    def __init__(self, requests_per_second: float, shares: int = 1) -> None:
        """Divide what may be asked.

        Args:
            requests_per_second: for all endpoints together; 0 if only refusals slow it.
            shares: how many programs ask at once, each with as much.
        """
        self._shares = shares
        self._endpoint_rate = min(requests_per_second, ENDPOINT_REQUESTS_PER_SECOND) / shares
        self._overall = Limits(requests_per_second / shares, shares)
        self._endpoints: dict[str, Endpoint] = {}
        self._tickets = itertools.count()
        self._called: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, endpoint: str) -> AsyncIterator[Turn]:
        """Wait until a request to an endpoint may leave, and hold its place in flight."""
        limits = self._endpoints.setdefault(endpoint, Endpoint(self._endpoint_rate, self._shares))
        await self._wait(limits)
        now = asyncio.get_running_loop().time()
        limits.leaves(now)
        self._overall.leaves(now)
        turn = Turn(limits, self._overall, now)
        self._call_next()
        try:
            yield turn
        finally:
            turn.ends()
            self._call_next()

    async def _wait(self, endpoint: Endpoint) -> None:
        called = asyncio.get_running_loop().create_future()
        endpoint.waiting.append((next(self._tickets), called))
        self._call_next()
        try:
            await called
        except asyncio.CancelledError:
            if self._called is called:
                self._called = None
                self._call_next()
            raise
        self._called = None

    def _call_next(self) -> None:
        """Call the next request if it may leave, or else set a timer for it.

        One at a time: the next is called when this one has really left, because a busy event loop
        may keep it waiting.
        """
        if self._called is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        found = self._next(now)
        if found is None:
            return
        start, endpoint = found
        if start > now:
            self._timer = loop.call_at(start, self._call_next)
            return
        _, self._called = endpoint.waiting.popleft()
        self._called.set_result(None)

    def _next(self, now: float) -> tuple[float, Endpoint] | None:
        """Answer which endpoint's first request may leave first, and when.

        Of several that may leave now, the one that waits longest.
        """
        if not self._overall.has_place(now):
            return None
        overall = max(now, self._overall.pace.start(now))
        ready = []
        for endpoint in self._endpoints.values():
            endpoint.drop_cancelled()
            if endpoint.waiting and endpoint.has_place(now):
                start = max(overall, endpoint.pace.start(now))
                ready.append((start, endpoint.waiting[0][0], endpoint))
        if not ready:
            return None
        start, _, endpoint = min(ready, key=lambda found: found[:2])
        return start, endpoint
