"""The events that came in, and what became of them: a SQLite file that outlives every process.

Each event stands in it once, by its id. It holds ids and types, never an event's body.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loader.webhooks.event import Event

# Seconds after which an event is tried again: twice as long each time, at most an hour.
FIRST_RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 3600.0

# A failure that lasts about six hours is not passing: somebody has to look.
MOST_ATTEMPTS = 12

_SCHEMA = """
    create table if not exists events (
        id text primary key,
        type text not null,
        account_id text not null,
        payout_id text,
        is_live integer not null,
        status text not null,
        reason text,
        received_at real not null,
        due_at real not null,
        attempts integer not null default 0,
        settled_at real
    );
    create index if not exists events_waiting on events (due_at) where status = 'waiting';
    create table if not exists marks (name text primary key, at real not null);
"""

_ADDED = """
    insert into events
        (id, type, account_id, payout_id, is_live, status, reason, received_at, due_at)
    values (?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (id) do update set
        status = excluded.status,
        attempts = 0,
        received_at = excluded.received_at,
        due_at = excluded.due_at
    where events.status = 'dead'
"""

WAITING, DONE, IGNORED, DEAD = "waiting", "done", "ignored", "dead"


@dataclass(frozen=True)
class Received:
    """An event that waits to be acted on."""

    event: Event
    due_at: float
    attempts: int


class InboxError(Exception):
    """The inbox can't be opened; the message says why and what to do."""


class Inbox:
    """The inbox of one mode's folder; times are seconds since 1970."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            InboxError: it can't be opened.
        """
        self._lock = threading.Lock()
        try:
            self._open(path)
        except (OSError, sqlite3.Error) as error:
            raise InboxError(
                f"{path} can't be opened: {error}. Move it away: the next server makes it anew "
                "and asks Stripe for what was in it."
            ) from None

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        # What Stripe was told is stored must be there after a loss of power, too.
        self._connection.execute("pragma synchronous = full")
        self._connection.execute("pragma busy_timeout = 10000")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(self, events: Sequence[Event], now: float, due_at: float) -> int:
        """Store events, durably once this returns; answer how many are new.

        One that came before stays as it is, unless it was given up: then it waits anew.
        """
        rows = [
            (
                event.id,
                event.type,
                event.account_id,
                event.payout_id,
                event.is_live,
                IGNORED if event.ignored_because else WAITING,
                event.ignored_because,
                now,
                due_at,
            )
            for event in events
        ]
        with self._writing() as connection:
            before = connection.total_changes
            connection.executemany(_ADDED, rows)
            return connection.total_changes - before

    def waiting(self) -> list[Received]:
        """Answer the events that wait to be acted on, also those that are not due yet."""
        found = self._rows(
            "select id, type, account_id, payout_id, is_live, due_at, attempts "
            "from events where status = ? order by received_at, id",
            WAITING,
        )
        return [
            Received(Event(*of_event), due_at, attempts) for *of_event, due_at, attempts in found
        ]

    def next_due_at(self) -> float | None:
        """Answer when the first waiting event is due; none if none waits."""
        ((due_at,),) = self._rows("select min(due_at) from events where status = ?", WAITING)
        return None if due_at is None else float(due_at)

    def settle(self, event_ids: Collection[str], now: float) -> None:
        """Note that events were acted on."""
        self._change(
            "update events set status = ?, settled_at = ?, reason = null where id = ?",
            [(DONE, now, event_id) for event_id in event_ids],
        )

    def postpone(self, events: Collection[Received], reason: str, now: float) -> int:
        """Try events again later; answer how many were tried too often and are given up."""
        given_up = {one.event.id for one in events if one.attempts + 1 >= MOST_ATTEMPTS}
        self._change(
            "update events set attempts = attempts + 1, reason = ?, due_at = ?, status = ? "
            "where id = ?",
            [
                (
                    reason,
                    now + retry_seconds(one.attempts),
                    DEAD if one.event.id in given_up else WAITING,
                    one.event.id,
                )
                for one in events
            ],
        )
        return len(given_up)

    def settle_received_before(self, at: float, now: float, failed: Collection[str] = ()) -> None:
        """Note that a run that began at `at` acted on what came before it.

        Args:
            at: when it began.
            now: the time.
            failed: accounts that it could not read.
        """
        found = self._rows(
            "select id, account_id from events where status in (?, ?) and received_at <= ?",
            WAITING,
            DEAD,
            at,
        )
        settled = [event_id for event_id, account_id in found if account_id not in failed]
        if settled:
            self._change(
                "update events set status = ?, settled_at = ?, reason = 'a whole run' where id = ?",
                [(DONE, now, event_id) for event_id in settled],
            )

    def counts(self) -> dict[str, int]:
        """Answer how many events there are of each status."""
        found = dict(self._rows("select status, count(*) from events group by status"))
        return {status: found.get(status, 0) for status in (WAITING, DONE, IGNORED, DEAD)}

    def dead(self, most: int = 20) -> list[dict[str, str]]:
        """Answer some of the events that were given up, the newest first."""
        found = self._rows(
            "select id, type, account_id, payout_id, reason from events where status = ? "
            "order by received_at desc limit ?",
            DEAD,
            most,
        )
        names = ("id", "type", "account_id", "payout_id", "reason")
        return [dict(zip(names, row, strict=True)) for row in found]

    def mark(self, name: str, at: float) -> None:
        """Note when something was last done."""
        self._change(
            "insert into marks values (?, ?) on conflict (name) do update set at = excluded.at",
            [(name, at)],
        )

    def marked(self, name: str) -> float | None:
        """Answer when it was; none if never."""
        found = self._rows("select at from marks where name = ?", name)
        return float(found[0][0]) if found else None

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(query, parameters).fetchall()

    def _change(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        with self._writing() as connection:
            connection.executemany(statement, rows)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Do all of it, durably, or nothing."""
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("rollback")
                raise


def retry_seconds(attempts: int) -> float:
    """Answer how long to wait after one more failure."""
    return float(min(FIRST_RETRY_SECONDS * 2**attempts, LONGEST_RETRY_SECONDS))
