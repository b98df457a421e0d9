"""The whole of `tieout serve`: receiver, worker and catch-up side by side, until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import uvicorn

from loader.last_run import last_complete_run_at
from loader.settings import SettingsError
from loader.stripe_api.errors import StripeReadError
from loader.webhooks.catch_up import CAUGHT_UP, UP, CatchUp, gap
from loader.webhooks.inbox import DEAD, WAITING, Inbox, retry_seconds
from loader.webhooks.receiver import Receiver, Reception
from loader.webhooks.run_process import start_event_run
from loader.webhooks.worker import RunFailedError, RunOutcome, Work, Worker, WorkLog

# What this server missed while it was up, because Stripe could not reach it.
CATCH_UP_EVERY_SECONDS = 6 * 3600.0

MARK_EVERY_SECONDS = 30.0

# How long a run may go on after the server was told to stop; what it does not end is done again.
STOP_SECONDS = 300.0


class ServiceLog(WorkLog, Protocol):
    """Hears what the server does."""

    def listening(self, url: str) -> None:
        """Events may be sent there."""

    def catching_up(self, what: str) -> None:
        """Looks for what was missed, or reads everything."""

    def caught_up(self, events: int) -> None:
        """So many missed events are in the inbox now."""

    def catch_up_failed(self, reason: str, retry_in_seconds: float) -> None:
        """It will be tried again."""

    def stopping(self, run_is_going_on: bool) -> None:
        """Stops, perhaps after a run."""


class Service:
    """One server over one mode's folder."""

    def __init__(
        self,
        folder: Path,
        reception: Reception,
        catch_up: CatchUp,
        log: ServiceLog,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            folder: the mode's; holds the inbox.
            reception: how events are received.
            catch_up: asks Stripe for those that were missed.
            log: hears what is done.
            now: what "today" is, if not now: the sandbox's story has a time of its own.

        Raises:
            sqlite3.Error: the inbox can't be opened.
        """
        self._folder = folder
        self._now = now
        self._log = log
        self._inbox = Inbox(folder / "events.sqlite")
        self._worker = Worker(self._inbox, self._run, self._complete_run_at, log)
        self._receiver = Receiver(reception, self._inbox, self._tell)
        self._catch_up = catch_up
        self._debounce_seconds = reception.debounce_seconds
        self._is_caught_up = False
        self._catch_up_error: str | None = None

    async def serve(self, listening: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT; a run that is going on ends first."""
        config = uvicorn.Config(
            self._receiver.app(), log_level="warning", access_log=False, lifespan="off"
        )
        server = _Server(config)
        stopped = asyncio.create_task(_told_to_stop())
        acting = asyncio.create_task(self._act())
        marking = asyncio.create_task(self._mark_up())
        host, port = listening.getsockname()[:2]
        self._log.listening(f"http://{host}:{port}")
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await asyncio.wait(
                {stopped, serving, acting, marking}, return_when=asyncio.FIRST_COMPLETED
            )
            server.should_exit = True
            await serving
            self._log.stopping(self._worker.is_running)
            await self._let_the_run_end()
        finally:
            for task in (acting, marking, stopped):
                task.cancel()
            ended = await asyncio.gather(acting, marking, return_exceptions=True)
            self._inbox.close()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _act(self) -> None:
        await self._catch_up_at_start()
        self._is_caught_up = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._worker.work())
            tasks.create_task(self._catch_up_on_schedule())

    async def _catch_up_at_start(self) -> None:
        failures = 0
        while not self._is_caught_up:
            try:
                await self._catch_up_once()
                return
            except (StripeReadError, RunFailedError) as failure:
                self._catch_up_error = str(failure)
                pause = retry_seconds(failures)
                failures += 1
                self._log.catch_up_failed(str(failure), pause)
                await asyncio.sleep(pause)

    async def _catch_up_once(self) -> None:
        """Put what was missed into the inbox, or read everything where that is not to be had."""
        missed = gap(self._inbox, self._complete_run_at(), time.time())
        self._log.catching_up(missed.reason)
        if missed.since is None:
            await self._worker.run_whole()
            found = 0
        else:
            found = await self._take_in(missed.since, only_undelivered=False)
        self._inbox.mark(CAUGHT_UP, time.time())
        self._catch_up_error = None
        self._log.caught_up(found)

    async def _catch_up_on_schedule(self) -> None:
        while True:
            await asyncio.sleep(CATCH_UP_EVERY_SECONDS)
            since = self._complete_run_at()
            try:
                found = await self._take_in(since or 0, only_undelivered=True)
            except StripeReadError as failure:
                self._catch_up_error = str(failure)
                self._log.catch_up_failed(str(failure), CATCH_UP_EVERY_SECONDS)
                continue
            self._inbox.mark(CAUGHT_UP, time.time())
            self._catch_up_error = None
            self._log.caught_up(found)

    async def _take_in(self, since: float, *, only_undelivered: bool) -> int:
        events = await self._catch_up.events_since(since, only_undelivered=only_undelivered)
        now = time.time()
        return await asyncio.to_thread(self._inbox.add, events, now, now + self._debounce_seconds)

    async def _mark_up(self) -> None:
        """Note that the server is up: what Stripe sends meanwhile is not missed."""
        while True:
            if self._is_caught_up:
                self._inbox.mark(UP, time.time())
            await asyncio.sleep(MARK_EVERY_SECONDS)

    async def _let_the_run_end(self) -> None:
        waited = 0.0
        while self._worker.is_running and waited < STOP_SECONDS:
            await asyncio.sleep(0.1)
            waited += 0.1

    async def _run(self, work: Work | None) -> RunOutcome:
        return await start_event_run(work, self._now() if self._now else None)

    def _complete_run_at(self) -> float | None:
        began = last_complete_run_at(self._folder)
        return None if began is None else datetime.fromisoformat(began).timestamp()

    def _tell(self) -> dict[str, Any]:
        """Answer what /health and /ready say."""
        counts = self._inbox.counts()
        last = self._worker.last_outcome
        return {
            "ready": self._is_caught_up,
            "inbox": {**counts, "given_up": self._inbox.dead()} if counts[DEAD] else counts,
            "worker": {
                "is_running": self._worker.is_running,
                "waiting": counts[WAITING],
                "last_failure": self._worker.last_failure,
            },
            "catch_up": {
                "is_done": self._is_caught_up,
                "last_at": _utc(self._inbox.marked(CAUGHT_UP)),
                "error": self._catch_up_error,
            },
            "last_run": None
            if last is None
            else {
                "exit_code": last.exit_code,
                "started_at": _utc(last.started_at),
                "seconds": round(last.seconds, 1),
                "requests": last.requests,
            },
        }


class _Server(uvicorn.Server):
    """Leaves signals to the service: it has more to end than the receiver."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _told_to_stop() -> None:
    """Return once the process is told to stop."""
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    await told.wait()


def listen(host: str, port: int) -> socket.socket:
    """Take an address to listen on.

    Raises:
        SettingsError: it is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP in full: asyncio turns off Nagle's delay only for such sockets.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"TIEOUT_WEBHOOK_HOST, TIEOUT_WEBHOOK_PORT: {host}:{port} can't be listened on: "
            f"{error.strerror}. Is another server at work? Choose another port, or stop it."
        ) from None
    return listening


def _utc(at: float | None) -> str | None:
    if at is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
