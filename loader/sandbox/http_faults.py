"""Faults of the wire rather than of the books: limits, errors and dropped connections."""

import asyncio
import random
import time
from collections import defaultdict

from loader.sandbox.stripe_errors import StripeError, lock_timeout, rate_limited, server_error


class DroppedConnectionError(Exception):
    """The connection is to be closed without an answer."""


class RateLimiter:
    """A bucket for each endpoint that refills steadily and holds one second's requests."""

    def __init__(self, requests_per_second: float | None) -> None:
        self._rate = requests_per_second
        self._used: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))

    def admit(self, endpoint: str) -> None:
        """Take one request, or refuse it."""
        if self._rate is None:
            return
        now = time.monotonic()
        level, at = self._used[endpoint]
        level = max(0.0, level - (now - at) * self._rate)
        if level + 1 > max(self._rate, 1.0):
            raise rate_limited("endpoint-rate")
        self._used[endpoint] = (level + 1, now)


class FaultyWire:
    """Lets a share of requests fail, in an order that depends on the seed alone."""

    def __init__(self, seed: int, fault_rate: float, latency_ms: int) -> None:
        self._random = random.Random(f"{seed}/wire")  # noqa: S311 - a plot, not a secret
        self._fault_rate = fault_rate
        self._latency = latency_ms / 1000

    async def cross(self) -> None:
        """Wait as long as the wire takes, and fail if it is this request's turn."""
        if self._latency:
            await asyncio.sleep(self._latency)
        if self._fault_rate and self._random.random() < self._fault_rate:
            raise self._random.choice(_FAULTS)()


def _internal_error() -> StripeError:
    return server_error(500)


def _unavailable() -> StripeError:
    return server_error(503)


def _too_many_at_once() -> StripeError:
    return rate_limited("global-concurrency")


_FAULTS = (
    _internal_error,
    _unavailable,
    _too_many_at_once,
    lock_timeout,
    DroppedConnectionError,
)
