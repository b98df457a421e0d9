"""Acts on the events that wait: one small run for all that are due, and again what failed.

One run at a time. Events that come in meanwhile wait for the next one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

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
        last_complete_run_at: Callable[[], float | None],
        log: WorkLog,
    ) -> None:
        """Take what it works with.

        Args:
            inbox: where the events wait.
            run: runs the job.
            last_complete_run_at: when a run last began that read everything and was published.
            log: hears of it.
        """
        self._inbox = inbox
        self._run = run
        self._last_complete_run_at = last_complete_run_at
        self._log = log
        self.is_running = False
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
            await self.act_on_due()
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
        self._inbox.settle([one.event.id for one in events if one not in failed], time.time())
        if failed:
            self._postpone(failed, "; ".join(outcome.failed_accounts.values()))

    async def _run_and_note(self, work: Work | None, events: int) -> RunOutcome:
        self._log.run_begins(events, len(work or ()))
        self.is_running = True
        try:
            outcome = await self._run(work)
        except RunFailedError as failure:
            self.last_failure = str(failure)[:TOLD_CHARACTERS]
            raise
        finally:
            self.is_running = False
        self.last_outcome, self.last_failure = outcome, None
        self._log.run_ended(outcome)
        return outcome

    def _postpone(self, events: list[Received], reason: str) -> None:
        given_up = self._inbox.postpone(events, reason[:TOLD_CHARACTERS], time.time())
        self.last_failure = reason[:TOLD_CHARACTERS]
        self._log.run_failed(reason[:TOLD_CHARACTERS], given_up)

    def _forget_what_a_run_read(self) -> None:
        complete_at = self._last_complete_run_at()
        if complete_at is not None:
            self._inbox.settle_received_before(complete_at, time.time())
