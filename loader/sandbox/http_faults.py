"""Faults of the wire rather than of the books: limits, errors, and answers that do not arrive."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable

from loader.sandbox.stripe_errors import StripeError, lock_timeout, rate_limited, server_error

#: How long a hung answer keeps its client waiting before the connection is dropped.
HUNG_SECONDS = 3.0


class DroppedConnectionError(Exception):
    """The connection is to be closed without an answer."""


class HungAnswerError(DroppedConnectionError):
    """Nothing is to be heard for `HUNG_SECONDS`, then the connection is to be closed."""


#: Makes a body what it should not be; it arrives as a whole HTTP answer with status 200.
Spoil = Callable[[bytes], bytes]


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

    async def cross(self) -> Spoil | None:
        """Wait as long as the wire takes; fail, or return what spoils it, if it is this one's turn.

        Raises:
            StripeError: an error is answered.
            DroppedConnectionError: nothing is answered.
        """
        if self._latency:
            await asyncio.sleep(self._latency)
        if not self._fault_rate or self._random.random() >= self._fault_rate:
            return None
        fault = self._random.choice(_FAULTS)()
        if isinstance(fault, HungAnswerError):
            await asyncio.sleep(HUNG_SECONDS)
        if isinstance(fault, Exception):
            raise fault
        return fault


def _internal_error() -> StripeError:
    return server_error(500)


def _unavailable() -> StripeError:
    return server_error(503)


def _too_many_at_once() -> StripeError:
    return rate_limited("global-concurrency")


def _cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _not_json(_: bytes) -> bytes:
    return b"<html><body>upstream timed out</body></html>"


def _of_another_shape(_: bytes) -> bytes:
    return b'{"object": "list", "url": "/v1/nothing"}'


_FAULTS: tuple[Callable[[], Exception | Spoil], ...] = (
    _internal_error,
    _unavailable,
    _too_many_at_once,
    lock_timeout,
    DroppedConnectionError,
    HungAnswerError,
    lambda: _cut,
    lambda: _not_json,
    lambda: _of_another_shape,
)
