from __future__ import annotations

import asyncio

import pytest

from loader.stripe_api.pacing import Pacing


def waits(requests_per_second: float, endpoints: list[str]) -> list[float]:
    """Answer how long each request is told to wait when all ask at one moment."""
    asked: list[float] = []

    async def note(delay: float) -> None:
        asked.append(round(delay, 3))

    async def ask() -> None:
        moment = asyncio.get_running_loop().time()
        asyncio.get_running_loop().time = lambda: moment  # type: ignore[method-assign]
        turns = Pacing(requests_per_second)
        for endpoint in endpoints:
            async with turns.turn(endpoint):
                pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "sleep", note)
        asyncio.run(ask())
    return asked


def test_requests_to_one_endpoint_are_spaced_evenly_at_its_limit() -> None:
    # Each request waits for its endpoint, then for the overall pace.
    assert waits(100, ["/v1/payouts"] * 3)[0::2] == [0.0, 0.04, 0.08]


def test_all_endpoints_together_keep_the_overall_pace() -> None:
    assert waits(20, ["/v1/payouts", "/v1/balance", "/v1/account"])[1::2] == [0.0, 0.05, 0.1]


def test_a_pace_of_zero_never_waits() -> None:
    assert waits(0, ["/v1/payouts"] * 5) == []
