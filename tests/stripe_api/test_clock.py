from __future__ import annotations

import time
from email.utils import formatdate

from loader.stripe_api.clock import ServerClock


def test_the_quickest_answer_says_what_time_it_is() -> None:
    clock, now = ServerClock(), time.time()
    clock.heard(formatdate(now + 60), sent=now - 2, received=now)
    clock.heard(formatdate(now + 10), sent=now - 0.1, received=now)
    clock.heard(formatdate(now + 90), sent=now - 3, received=now)
    assert abs(clock.at(now) - (now + 10)) < 1


def test_it_never_goes_back_whatever_is_learned() -> None:
    clock, now = ServerClock(), time.time()
    clock.heard(formatdate(now + 60), sent=now - 2, received=now)
    before = clock.now()
    clock.heard(formatdate(now), sent=now - 0.1, received=now)
    assert clock.at(now) < before
    assert clock.now() >= before
