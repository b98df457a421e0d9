"""Acts on the events that wait: one small run for all that are due, and again what failed.

One run at a time. Events that come in meanwhile wait for the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from loader.last_run import CompleteRun
from loader.sources.scope import PLATFORM
from loader.webhooks.event import payouts_by_account
from loader.webhooks.inbox import Inbox, Received

LOOK_EVERY_SECONDS = 1.0

# Of what is told of a failure.
TOLD_CHARACTERS = 500


class RunFailedError(Exception):
    """A run that ended without publishing; the message says why."""


@dataclass(frozen=True)
class RunOutcome:
    """What a run did that was published."""

    exit_code: int
    started_at: float
    seconds: float
    requests: int
    failed_accounts: Mapping[str, str] = field(default_factory=dict)
    """Accounts that could not be read though they should be, with the reason."""
    platform_account_id: str | None = None

    def failure_of(self, account_id: str) -> str | None:
        """Answer why an account could not be read; none if it was."""
        named = self.platform_account_id if account_id == PLATFORM else account_id
        return self.failed_accounts.get(named or "")


Work = Mapping[str, Collection[str]]
"""Accounts to read, each with the payouts to read anew."""

Run = Callable[[Work | None], Awaitable[RunOutcome]]
"""Runs the job for some accounts; none is for all."""


class WorkLog(Protocol):
    """Hears what the worker does."""

    def run_begins(self, events: int, accounts: int) -> None:
        """A run for so many events of so many accounts begins; none is a whole one."""

    def run_ended(self, outcome: RunOutcome) -> None:
        """It was published."""

    def run_failed(self, reason: str, given_up: int) -> None:
        """It was not, or not for all; so many events are given up."""


class Worker:
    """The only one who acts on the inbox."""

    def __init__(
        self,
        inbox: Inbox,
        run: Run,
        last_complete_run: Callable[[], CompleteRun | None],
        log: WorkLog,
    ) -> None:
        """Take what it works with.

        Args:
            inbox: where the events wait.
            run: runs the job.
            last_complete_run: answers the last run that looked at everything and was published.
            log: hears of it.
        """
        self._inbox = inbox
        self._run = run
        self._last_complete_run = last_complete_run
        self._log = log
        self._one_at_a_time = asyncio.Lock()
        self.running_since: float | None = None
        self.last_outcome: RunOutcome | None = None
        self.last_failure: str | None = None

    async def run_whole(self) -> None:
        """Read everything, now.

        Raises:
            RunFailedError: it was not published.
        """
        await self._run_and_note(None, 0)

    async def work(self) -> None:
        """Act on what is due, until cancelled."""
        while True:
            try:
                await self.act_on_due()
            except sqlite3.Error as error:  # the disk is full, say: what waits goes on waiting
                self.last_failure = f"the inbox: {error}"
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def act_on_due(self) -> None:
        """Act on what is due and on what came in since, if anything is due."""
        self._forget_what_a_run_read()
        now = time.time()
        due_at = self._inbox.next_due_at()
        if due_at is None or due_at > now:
            return
        events = [one for one in self._inbox.waiting() if not one.attempts or one.due_at <= now]
        work = payouts_by_account(one.event for one in events)
        try:
            outcome = await self._run_and_note(work, len(events))
        except RunFailedError as failure:
            self._postpone(events, str(failure))
            return
        failed = [one for one in events if outcome.failure_of(one.event.account_id)]
        failed_ids = {one.event.id for one in failed}
        done = [one.event.id for one in events if one.event.id not in failed_ids]
        self._inbox.settle(done, time.time())
        if failed:
            self._postpone(failed, "; ".join(outcome.failed_accounts.values()))

    async def _run_and_note(self, work: Work | None, events: int) -> RunOutcome:
        async with self._one_at_a_time:
            self._log.run_begins(events, len(work or ()))
            self.running_since = time.time()
            try:
                outcome = await self._run(work)
            except RunFailedError as failure:
                self.last_failure = str(failure)[:TOLD_CHARACTERS]
                raise
            finally:
                self.running_since = None
            self.last_outcome, self.last_failure = outcome, None
            self._log.run_ended(outcome)
            return outcome

    def _postpone(self, events: list[Received], reason: str) -> None:
        given_up = self._inbox.postpone(events, reason[:TOLD_CHARACTERS], time.time())
        self.last_failure = reason[:TOLD_CHARACTERS]
        self._log.run_failed(reason[:TOLD_CHARACTERS], given_up)

    def _forget_what_a_run_read(self) -> None:
        complete, now = self._last_complete_run(), time.time()
        # One of the future was noted by a clock that was wrong; nothing follows from it.
        if complete is None or complete.started_at > now:
            return
        failed = set(complete.accounts_failed)
        if complete.platform_account_id in failed:
            failed.add(PLATFORM)
        self._inbox.settle_received_before(complete.started_at, now, failed)
