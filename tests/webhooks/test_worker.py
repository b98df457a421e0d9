"""The worker: what is due becomes one run, and what fails is tried again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loader.last_run import CompleteRun
from loader.sources.scope import PLATFORM
from loader.webhooks.event import Event
from loader.webhooks.inbox import Inbox
from loader.webhooks.worker import RunFailedError, RunOutcome, Work, Worker


@dataclass
class Runs:
    """Runs that a test looks at; `fails` says which accounts, or all if it is a text."""

    inbox: Inbox
    asked: list[Work | None] = field(default_factory=list)
    fails: dict[str, str] | str = ""
    complete: CompleteRun | None = None
    said: list[str] = field(default_factory=list)
    comes_in_meanwhile: list[Event] = field(default_factory=list)

    async def run(self, work: Work | None) -> RunOutcome:
        self.asked.append(work)
        self.inbox.add(self.comes_in_meanwhile, time.time(), time.time())
        if isinstance(self.fails, str) and self.fails:
            raise RunFailedError(self.fails)
        failed = {} if isinstance(self.fails, str) else self.fails
        return RunOutcome(0, time.time(), 1.0, 4, failed, "acct_platform")

    def run_begins(self, events: int, accounts: int) -> None:
        self.said.append(f"{events} of {accounts}")

    def run_ended(self, outcome: RunOutcome) -> None:
        self.said.append("ended")

    def run_failed(self, reason: str, given_up: int) -> None:
        self.said.append(f"failed: {reason}")


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    inbox = Inbox(tmp_path / "events.sqlite")
    yield Runs(inbox)
    inbox.close()


def payout_event(name: str, account: str = "acct_1", payout: str | None = "po_1") -> Event:
    return Event(name, "payout.updated", account, payout, is_live=False)


def a_complete_run(started_at: float, *failed: str) -> CompleteRun:
    return CompleteRun(started_at, 0, frozenset(failed), "acct_platform")


def act(runs: Runs) -> Worker:
    worker = Worker(runs.inbox, runs.run, lambda: runs.complete, runs)
    asyncio.run(worker.act_on_due())
    return worker


def come_in(runs: Runs, *events: Event, due_in: float = -1) -> None:
    now = time.time()
    runs.inbox.add(events, now - 60, now + due_in)


def test_nothing_is_done_where_nothing_waits(runs: Runs) -> None:
    act(runs)
    assert runs.asked == []


def test_an_event_waits_for_others(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"), due_in=60)
    act(runs)
    assert runs.asked == []
    come_in(runs, payout_event("evt_0"))
    act(runs)
    assert runs.asked == [{"acct_1": frozenset({"po_1"})}]
    assert runs.inbox.counts()["done"] == 2


def test_many_events_are_one_run_of_the_accounts_they_name(runs: Runs) -> None:
    come_in(
        runs,
        payout_event("evt_1"),
        payout_event("evt_2"),
        payout_event("evt_3", payout="po_2"),
        payout_event("evt_4", account=PLATFORM),
        payout_event("evt_5", account="acct_2", payout=None),
    )
    act(runs)
    assert runs.asked == [
        {
            "acct_1": frozenset({"po_1", "po_2"}),
            "acct_2": frozenset(),
            PLATFORM: frozenset({"po_1"}),
        }
    ]
    assert runs.said == ["5 of 3", "ended"]


def test_what_comes_in_during_a_run_is_for_the_next_one(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"))
    runs.comes_in_meanwhile = [payout_event("evt_2", payout="po_2")]
    worker = act(runs)
    assert [one.event.id for one in runs.inbox.waiting()] == ["evt_2"]
    asyncio.run(worker.act_on_due())
    assert runs.asked[-1] == {"acct_1": frozenset({"po_2"})}
    assert runs.inbox.counts()["done"] == 2


def test_a_run_that_fails_leaves_its_events_for_later(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"))
    runs.fails = "Stripe is away"
    worker = act(runs)
    assert worker.last_failure == "Stripe is away"
    (waiting,) = runs.inbox.waiting()
    assert waiting.attempts == 1
    assert waiting.due_at > time.time() + 20
    runs.fails = ""
    asyncio.run(worker.act_on_due())
    assert len(runs.asked) == 1  # not due yet
    come_in(runs, payout_event("evt_2", account="acct_2"))
    asyncio.run(worker.act_on_due())
    assert runs.asked[-1] == {"acct_2": frozenset({"po_1"})}
    assert worker.last_failure is None


def test_an_account_that_could_not_be_read_is_tried_again_alone(runs: Runs) -> None:
    come_in(
        runs,
        payout_event("evt_1"),
        payout_event("evt_2", account="acct_2"),
        payout_event("evt_3", account=PLATFORM),
    )
    runs.fails = {"acct_2": "permission denied", "acct_platform": "no answer"}
    act(runs)
    assert [one.event.id for one in runs.inbox.waiting()] == ["evt_2", "evt_3"]
    assert runs.inbox.counts()["done"] == 1
    assert runs.said[-1] == "failed: permission denied; no answer"


def test_a_whole_run_by_somebody_else_saves_a_small_one(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"))
    runs.complete = a_complete_run(time.time())
    act(runs)
    assert runs.asked == []
    assert runs.inbox.counts()["done"] == 1


def test_a_whole_run_settles_nothing_of_accounts_that_it_could_not_read(runs: Runs) -> None:
    come_in(
        runs,
        payout_event("evt_1"),
        payout_event("evt_2", account="acct_2"),
        payout_event("evt_3", account=PLATFORM),
    )
    runs.complete = a_complete_run(time.time(), "acct_2", "acct_platform")
    act(runs)
    assert runs.asked == [{"acct_2": frozenset({"po_1"}), PLATFORM: frozenset({"po_1"})}]


def test_a_whole_run_of_the_future_settles_nothing(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"))
    runs.complete = a_complete_run(time.time() + 86_400)
    act(runs)
    assert len(runs.asked) == 1


def test_an_inbox_that_can_not_be_written_does_not_end_the_worker(runs: Runs) -> None:
    worker = Worker(runs.inbox, runs.run, lambda: None, runs)
    runs.inbox.close()

    async def work_for_a_while() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(worker.work(), 0.1)

    asyncio.run(work_for_a_while())
    assert "the inbox" in str(worker.last_failure)


def test_runs_are_made_one_at_a_time(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"))
    at_once: list[int] = []

    async def slow(work: Work | None) -> RunOutcome:
        at_once.append(1)
        assert sum(at_once) == 1
        await asyncio.sleep(0.05)
        at_once.append(-1)
        return await runs.run(work)

    worker = Worker(runs.inbox, slow, lambda: None, runs)

    async def both() -> None:
        await asyncio.gather(worker.run_whole(), worker.act_on_due())

    asyncio.run(both())
    assert len(runs.asked) == 2


def test_a_whole_run_that_began_before_an_event_did_not_read_it(runs: Runs) -> None:
    come_in(runs, payout_event("evt_1"))
    runs.complete = a_complete_run(time.time() - 3600)
    act(runs)
    assert len(runs.asked) == 1


def test_the_worker_says_that_it_is_at_work(runs: Runs) -> None:
    worker = Worker(runs.inbox, runs.run, lambda: None, runs)
    asyncio.run(worker.run_whole())
    assert runs.asked == [None]
    assert worker.running_since is None
    assert worker.last_outcome is not None
