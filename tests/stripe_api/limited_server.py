"""A server, in virtual time, that refuses as one of the known kinds of limiters does."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

from loader.stripe_api.pacing import Pacing
from tests.stripe_api.virtual_time import keep_busy, now


class Limiter(Protocol):
    def admits(self, at: float) -> bool: ...


class SlidingLog:
    """At most so many in any one second."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._admitted: deque[float] = deque()

    def admits(self, at: float) -> bool:
        while self._admitted and self._admitted[0] <= at - 1:
            self._admitted.popleft()
        if len(self._admitted) >= self._most:
            return False
        self._admitted.append(at)
        return True


class FixedWindows:
    """At most so many in each second of the server's clock."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: Counter[int] = Counter()

    def admits(self, at: float) -> bool:
        self._used[int(at + 0.3)] += 1
        return self._used[int(at + 0.3)] <= self._most


class TokenBucket:
    """Refills steadily, holds so many, and gives one for each request."""

    def __init__(self, rate: float, capacity: float) -> None:
        self._rate, self._capacity = rate, capacity
        self._level, self._at = capacity, 0.0

    def admits(self, at: float) -> bool:
        self._level = min(self._capacity, self._level + (at - self._at) * self._rate)
        self._at = at
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Anything:
    def admits(self, _: float) -> bool:
        return True


class LimitedServer:
    """Answers after a while; counts what it let through and what it refused, with the times."""

    def __init__(
        self,
        limiter: Callable[[], Limiter] = Anything,
        *,
        jitter: float = 0.002,
        latency: tuple[float, float] = (0.0, 0.3),
        in_flight: int = 10_000,
        reason: str = "endpoint-rate",
        overall: Limiter | None = None,
    ) -> None:
        """Args: jitter: seconds on the way there, 0 to this; latency: seconds until the answer."""
        self._new_limiter = limiter
        self.limiters: dict[str, Limiter] = {}
        self._overall = overall or Anything()
        self._random = random.Random(7)  # noqa: S311 - a plot, not a secret
        self._jitter, self._latency, self._most = jitter, latency, in_flight
        self._reason = reason
        self.in_flight = 0
        self.admitted: list[tuple[float, str]] = []
        self.refused: list[tuple[float, str]] = []

    async def answer(self, endpoint: str) -> str | None:
        """Answer the reason of a refusal, or none."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[str | None] = loop.create_future()
        arrival = now() + self._random.uniform(0, self._jitter)
        loop.call_at(arrival, self._arrive, arrival, endpoint, answered)
        return await answered

    def _arrive(self, at: float, endpoint: str, answered: asyncio.Future[str | None]) -> None:
        limiter = self.limiters.setdefault(endpoint, self._new_limiter())
        if self.in_flight >= self._most:
            reason = "global-concurrency"
        elif not limiter.admits(at):
            reason = self._reason
        elif not self._overall.admits(at):
            reason = "global-rate"
        else:
            reason = None
        (self.refused if reason else self.admitted).append((at, endpoint))
        self.in_flight += 1
        latency = self._random.uniform(*self._latency)
        asyncio.get_running_loop().call_at(at + latency, self._leave, reason, answered)

    def _leave(self, reason: str | None, answered: asyncio.Future[str | None]) -> None:
        self.in_flight -= 1
        if not answered.done():
            answered.set_result(reason)

    def rate(self, since: float, until: float, endpoint: str | None = None) -> float:
        """Answer the requests let through a second between two times."""
        times = [at for at, name in self.admitted if endpoint in {None, name}]
        return sum(since <= at < until for at in times) / (until - since)

    def refused_share(self, since: float) -> float:
        refused = sum(at >= since for at, _ in self.refused)
        return refused / max(1, refused + sum(at >= since for at, _ in self.admitted))


async def read(
    pacing: Pacing,
    server: LimitedServer,
    seconds: float,
    *,
    endpoints: tuple[str, ...] = ("/v1/payouts",),
    tasks: int = 60,
    busy: float = 0.0,
) -> float:
    """Ask as much as may be asked, for some seconds; answer when it began.

    Args:
        tasks: how many ask, for each endpoint.
        busy: mean seconds between two moments in which the loop is kept busy; 0 is never.
    """
    began = now()
    chance = random.Random(3)  # noqa: S311 - a plot, not a secret

    async def ask(endpoint: str) -> None:
        while now() < began + seconds:
            async with pacing.turn(endpoint) as turn:
                reason = await server.answer(endpoint)
                if reason:
                    turn.refused(reason)
            if reason:
                await asyncio.sleep(chance.uniform(0.5, 1.5))

    async def hog() -> None:
        while now() < began + seconds:
            await asyncio.sleep(chance.uniform(0, 2 * busy))
            keep_busy(chance.uniform(0.05, 0.3))

    await asyncio.gather(
        *(ask(endpoint) for endpoint in endpoints for _ in range(tasks)),
        *([hog()] if busy else []),
    )
    return began
