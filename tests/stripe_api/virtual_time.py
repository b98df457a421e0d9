"""An event loop whose clock only moves when all tasks wait: minutes pass in milliseconds."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Lets the clock jump where a real one would sleep."""

    def __init__(self, clock: VirtualTimeLoop) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "every task waits and nothing will wake one"
        self._clock.pass_by(timeout)
        return list(super().select(0))


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._time = 1000.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._time

    def pass_by(self, seconds: float) -> None:
        """Let time pass; called from a task it is a loop that something keeps busy."""
        self._time += max(seconds, 0.0)


def virtual_run(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def now() -> float:
    return asyncio.get_running_loop().time()


def keep_busy(seconds: float) -> None:
    """Block the event loop for some virtual seconds."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.pass_by(seconds)
