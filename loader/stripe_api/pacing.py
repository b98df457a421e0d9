"""How fast requests may leave: at most so many a second, evenly, and so many in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# The documented limit of one endpoint (https://docs.stripe.com/rate-limits).
ENDPOINT_REQUESTS_PER_SECOND = 25.0

# Enough to reach 100 requests a second at 200 ms each; concurrency limits are unpublished.
REQUESTS_IN_FLIGHT = 20


class Pace:
    """Spaces requests evenly at a rate; a rate of 0 never waits."""

    def __init__(self, requests_per_second: float) -> None:
        self._interval = 1 / requests_per_second if requests_per_second else 0.0
        self._next_start = 0.0

    async def wait(self) -> None:
        """Wait for the next start that the rate allows."""
        if not self._interval:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start)
        self._next_start = start + self._interval
        await asyncio.sleep(start - now)


class Pacing:
    """The pace of all requests together and of each endpoint, shared by every task."""

    def __init__(self, requests_per_second: float) -> None:
        """Args: requests_per_second: for all endpoints together; 0 is unpaced."""
        self._endpoint_rate = min(requests_per_second, ENDPOINT_REQUESTS_PER_SECOND)
        self._overall = Pace(requests_per_second)
        self._endpoints: dict[str, Pace] = {}
        self._in_flight = asyncio.Semaphore(REQUESTS_IN_FLIGHT)

    @asynccontextmanager
    async def turn(self, endpoint: str) -> AsyncIterator[None]:
        """Hold one of the places in flight, once it is the endpoint's turn."""
        pace = self._endpoints.setdefault(endpoint, Pace(self._endpoint_rate))
        async with self._in_flight:
            await pace.wait()
            await self._overall.wait()
            yield
