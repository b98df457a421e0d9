"""The whole of `tieout serve`: receiver, worker and catch-up side by side, until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from filelock import Timeout

from loader.last_run import CompleteRun, read_complete_run
from loader.run_lock import is_run_at_work, serve_lock
from loader.settings import Settings, SettingsError
from loader.stripe_api.errors import StripeReadError
from loader.webhooks.catch_up import CAUGHT_UP, CatchUp, gap
from loader.webhooks.inbox import DEAD, WAITING, Inbox, retry_seconds
from loader.webhooks.receiver import Receiver, Reception
from loader.webhooks.run_process import start_event_run
from loader.webhooks.worker import RunFailedError, RunOutcome, Work, Worker, WorkLog

# What this server missed while it was up, because Stripe could not reach it. By the wall's clock: a
# machine that sleeps misses events too.
CATCH_UP_EVERY_SECONDS = 6 * 3600.0

# How often it looks whether a catch-up is due, and notes how far a moving story is told.
LOOK_EVERY_SECONDS = 5.0

# How long a run may go on after the server was told to stop; what it does not end is done again.
STOP_SECONDS = 300.0
ANSWERING_SECONDS = 5


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

    def waiting_for_another_run(self) -> None:
        """A run by hand is at work; the one for the events begins when it ends."""

    def stopping(self, run_is_going_on: bool) -> None:
        """Stops, perhaps after a run."""


class Service:
    """One server over one mode's folder."""

    def __init__(
        self,
        settings: Settings,
        reception: Reception,
        catch_up: CatchUp,
        log: ServiceLog,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Take what it works with.

        Args:
            settings: the mode and its folder.
            reception: how events are received.
            catch_up: asks Stripe for those that were missed.
            log: hears what is done.
            now: what "today" is, if not now: the sandbox's story has a time of its own.

        Raises:
            InboxError: the inbox can't be opened.
        """
        self._settings = settings
        self._folder = settings.mode_dir
        self._now = now
        self._log = log
        self._inbox = Inbox(self._folder / "events.sqlite")
        self._worker = Worker(self._inbox, self._run, self._complete_run, log)
        self._receiver = Receiver(reception, self._inbox, self._tell)
        self._catch_up = catch_up
        self._debounce_seconds = reception.debounce_seconds
        self._is_caught_up = False
        self._catch_up_error: str | None = None

    async def serve(self, listening: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT; a run that is going on ends first, unless told again."""
        config = uvicorn.Config(
            self._receiver.app(),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=ANSWERING_SECONDS,
        )
        server = _Server(config)
        told = _Told()
        doing = [
            asyncio.create_task(part)
            for part in (self._worker.work(), self._keep_up(), self._tell_story(), told.to_stop())
        ]
        self._log.listening(address_of(listening))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await asyncio.wait({serving, *doing}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            # A sender that is cut off now sends again; its stack trace is no news.
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
            await serving
            self._log.stopping(self._worker.running_since is not None)
            await self._let_the_run_end(told)
        finally:
            for task in doing:
                task.cancel()
            ended = await asyncio.gather(*doing, return_exceptions=True)
            self._inbox.close()
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _keep_up(self) -> None:
        """Find what was missed, when it starts and on a schedule; the worker works meanwhile."""
        failures = 0
        while True:
            try:
                if not self._is_caught_up:
                    await self._catch_up_at_start()
                elif self._is_catch_up_due():
                    await self._catch_up_on_schedule()
                failures, pause = 0, LOOK_EVERY_SECONDS
            except (StripeReadError, RunFailedError, sqlite3.Error) as failure:
                self._catch_up_error = str(failure)
                pause = retry_seconds(failures)
                failures += 1
                self._log.catch_up_failed(str(failure), pause)
            await asyncio.sleep(pause)

    async def _catch_up_at_start(self) -> None:
        """Put what was missed into the inbox, or read everything where that is not to be had."""
        has_data = self._settings.warehouse_path.exists()
        missed = gap(self._inbox, self._complete_run() if has_data else None, time.time())
        self._log.catching_up(missed.reason)
        began = time.time()
        if missed.since is None:
            await self._worker.run_whole()
            self._note_caught_up(began, 0)
        else:
            found = await self._take_in(missed.since, only_undelivered=False)
            self._note_caught_up(began, found)
        self._is_caught_up = True

    def _is_catch_up_due(self) -> bool:
        return time.time() - (self._inbox.marked(CAUGHT_UP) or 0) >= CATCH_UP_EVERY_SECONDS

    async def _catch_up_on_schedule(self) -> None:
        """Look what came since it was last looked, and what no endpoint has taken at all."""
        complete_run, began = self._complete_run(), time.time()
        missed = gap(self._inbox, complete_run, began)
        read_at = 0.0 if complete_run is None else complete_run.started_at
        found = await self._take_in(missed.since or read_at, only_undelivered=False)
        found += await self._take_in(read_at, only_undelivered=True)
        self._note_caught_up(began, found)

    def _note_caught_up(self, began: float, found: int) -> None:
        self._inbox.mark(CAUGHT_UP, began)
        self._log.caught_up(found)

    async def _take_in(self, since: float, *, only_undelivered: bool) -> int:
        missed = await self._catch_up.events_since(since, only_undelivered=only_undelivered)
        self._catch_up_error = "; ".join(missed.errors.values()) or None
        now = time.time()
        return await asyncio.to_thread(
            self._inbox.add, missed.events, now, now + self._debounce_seconds
        )

    async def _tell_story(self) -> None:
        """Note how far a moving story is told, for whoever comes after."""
        while True:
            if self._now is not None:
                self._now()
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _let_the_run_end(self, told: _Told) -> None:
        waited = 0.0
        while self._worker.running_since and waited < STOP_SECONDS and not told.twice:
            await asyncio.sleep(0.1)
            waited += 0.1

    async def _run(self, work: Work | None) -> RunOutcome:
        if is_run_at_work(self._folder):
            self._log.waiting_for_another_run()
        as_of = self._now() if self._now else None
        return await start_event_run(work, self._settings.mode, as_of)

    def _complete_run(self) -> CompleteRun | None:
        return read_complete_run(self._folder)

    def _tell(self) -> dict[str, Any]:
        """Answer what /health and /ready say."""
        counts = self._inbox.counts()
        last = self._worker.last_outcome
        return {
            "ready": self._is_caught_up,
            "inbox": {**counts, "given_up": self._inbox.dead()} if counts[DEAD] else counts,
            "worker": {
                "is_running": self._worker.running_since is not None,
                "running_since": _utc(self._worker.running_since),
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


class _Told:
    """How often the process was told to stop."""

    def __init__(self) -> None:
        self._once, self.twice = asyncio.Event(), False

    async def to_stop(self) -> None:
        """Return once the process is told to stop."""
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, self._hear)
        await self._once.wait()

    def _hear(self) -> None:
        self.twice = self._once.is_set()
        self._once.set()


@contextmanager
def only_server(folder: Path) -> Iterator[None]:
    """Be the only server of a folder.

    Raises:
        SettingsError: there is one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with serve_lock(folder):
            yield
    except Timeout:
        raise SettingsError(f"Another server is at work in {folder}: stop it first.") from None


def address_of(listening: socket.socket) -> str:
    """Answer where a socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - told, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
            f"{error.strerror}. Choose another, or stop what listens there."
        ) from None
    return listening


def _utc(at: float | None) -> str | None:
    if at is None:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
