"""The inbox: nothing twice, nothing lost, and what becomes of what fails."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.webhooks.event import Event
from loader.webhooks.inbox import (
    LONGEST_RETRY_SECONDS,
    MOST_ATTEMPTS,
    Inbox,
    InboxError,
    retry_seconds,
)


def an_event(name: str = "evt_1", **more: str) -> Event:
    values = {"type": "payout.paid", "account_id": "acct_1", "payout_id": "po_1", **more}
    return Event(name, is_live=False, **values)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = Inbox(tmp_path / "events.sqlite")
    yield inbox
    inbox.close()


def ids(inbox: Inbox) -> list[str]:
    return [one.event.id for one in inbox.waiting()]


def test_an_event_is_kept_once(inbox: Inbox) -> None:
    assert inbox.add([an_event(), an_event("evt_2")], 1, 2) == 2
    assert inbox.add([an_event(), an_event("evt_3")], 5, 6) == 1
    assert ids(inbox) == ["evt_1", "evt_2", "evt_3"]
    assert inbox.next_due_at() == 2


def test_one_that_was_acted_on_does_not_come_back(inbox: Inbox) -> None:
    inbox.add([an_event()], 1, 2)
    inbox.settle(["evt_1"], 3)
    assert inbox.add([an_event()], 4, 5) == 0
    assert ids(inbox) == []
    assert inbox.next_due_at() is None
    assert inbox.counts() == {"waiting": 0, "done": 1, "ignored": 0, "dead": 0}


def test_one_that_is_ignored_is_recorded_and_waits_for_nobody(inbox: Inbox) -> None:
    inbox.add([Event("evt_1", "charge.failed", "acct_1", None, False, "its type")], 1, 2)
    assert ids(inbox) == []
    assert inbox.counts()["ignored"] == 1


def test_what_fails_is_tried_again_ever_later_and_then_given_up(inbox: Inbox) -> None:
    inbox.add([an_event(), an_event("evt_2")], 0, 0)
    due = [0.0]
    for attempt in range(MOST_ATTEMPTS):
        failing = [one for one in inbox.waiting() if one.event.id == "evt_1"]
        assert failing[0].attempts == attempt
        due.append(retry_seconds(attempt))
        given_up = inbox.postpone(failing, "Stripe is away", 0)
        assert given_up == (attempt == MOST_ATTEMPTS - 1)
    assert due == sorted(due)
    assert due[-1] == LONGEST_RETRY_SECONDS
    assert ids(inbox) == ["evt_2"]
    (dead,) = inbox.dead()
    assert (dead["id"], dead["reason"]) == ("evt_1", "Stripe is away")


def test_one_that_was_given_up_and_is_sent_again_waits_anew(inbox: Inbox) -> None:
    inbox.add([an_event()], 0, 0)
    for _ in range(MOST_ATTEMPTS):
        inbox.postpone(inbox.waiting(), "Stripe is away", 0)
    assert inbox.counts()["dead"] == 1
    assert inbox.add([an_event()], 9, 10) == 1
    (waiting,) = inbox.waiting()
    assert (waiting.due_at, waiting.attempts) == (10, 0)


def test_a_whole_run_acts_on_all_that_came_before_it(inbox: Inbox) -> None:
    inbox.add([an_event()], 1, 2)
    inbox.add([an_event("evt_2")], 5, 6)
    inbox.settle_received_before(4, 7)
    assert ids(inbox) == ["evt_2"]


def test_what_a_whole_run_could_not_read_goes_on_waiting(inbox: Inbox) -> None:
    inbox.add([an_event(), an_event("evt_2", account_id="acct_2")], 1, 2)
    inbox.settle_received_before(4, 7, {"acct_2"})
    assert ids(inbox) == ["evt_2"]


def test_a_file_that_is_no_inbox_is_told(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_text("something else, of some length" * 100)
    with pytest.raises(InboxError, match="can't be opened"):
        Inbox(tmp_path / "events.sqlite")


def test_a_mark_is_kept_and_replaced(inbox: Inbox) -> None:
    assert inbox.marked("up") is None
    inbox.mark("up", 5)
    inbox.mark("up", 6)
    assert inbox.marked("up") == 6


def test_a_write_that_fails_leaves_nothing_and_the_next_one_works(inbox: Inbox) -> None:
    broken = an_event("evt_2", type=None)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        inbox.add([an_event(), broken], 1, 2)
    assert ids(inbox) == []
    assert inbox.add([an_event()], 1, 2) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from loader.webhooks.event import Event
from loader.webhooks.inbox import Inbox
Inbox(Path(sys.argv[1])).add([Event("evt_1", "payout.paid", "acct_1", "po_1", False)], 1, 2)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_stored_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == -9
    inbox = Inbox(path)
    assert ids(inbox) == ["evt_1"]
    inbox.close()
