from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from loader.stripe_api.clock import ServerClock


def heard(clock: ServerClock, ahead: float, *, seconds: float, later: float = 0) -> float:
    """Hear of a server that is so much ahead, in an answer that took so long; answer when."""
    received = time.monotonic() + later
    told = time.time() + later - seconds / 2 + ahead
    clock.heard(formatdate(told), received - seconds, received)
    return received


def ahead_at(clock: ServerClock, moment: float) -> float:
    """Answer how much the clock is ahead at a moment of the steady clock."""
    return clock.at(moment) - (time.time() + moment - time.monotonic())


def test_the_quickest_answer_says_what_time_it_is() -> None:
    clock = ServerClock()
    heard(clock, 2, seconds=3)
    heard(clock, 1, seconds=0.1)
    moment = heard(clock, 3, seconds=4)
    assert ahead_at(clock, moment) == pytest.approx(1, abs=1)


def test_it_never_goes_back_whatever_is_learned() -> None:
    clock = ServerClock()
    heard(clock, 60, seconds=2)
    before = clock.now()
    moment = heard(clock, 0, seconds=0.1)
    assert clock.at(moment) < before
    assert clock.now() >= before


@pytest.mark.parametrize("hours", [-3, 3])
def test_setting_this_machines_clock_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    clock = ServerClock()
    heard(clock, 0, seconds=0.1)
    expected, set_to = clock.now(), time.time() + hours * 3600
    monkeypatch.setattr(time, "time", lambda: set_to)
    assert clock.now() == pytest.approx(expected, abs=1)
    assert clock.seconds_ahead == pytest.approx(-hours * 3600, abs=1)


def test_an_answer_that_contradicts_the_quickest_one_is_believed() -> None:
    clock = ServerClock()
    heard(clock, 0, seconds=0.05)
    moment = heard(clock, 3600, seconds=0.8, later=60)
    assert ahead_at(clock, moment) == pytest.approx(3600, abs=1)


def test_a_slow_answer_that_may_be_right_contradicts_nothing() -> None:
    clock = ServerClock()
    moment = heard(clock, 0, seconds=0.05)
    expected = clock.at(moment)
    heard(clock, -2, seconds=5, later=60)
    assert clock.at(moment) == expected
