"""The whole loop over real HTTP: Stripe -> receiver -> inbox -> worker -> published file."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from filelock import FileLock, Timeout

from tests.commands import KEY, finish, start, tieout
from tests.first_run import GROUP, FirstRun, environment_for, small_platform
from tests.runs import published_tables, rows
from tests.scripted_stripe import Answer, Request
from tests.small_stripe import DAY, PLATFORM, SmallStripe
from tests.synced import JANUARY
from tests.webhooks.posting import SECRET, event, post, send

LONG_ENOUGH_SECONDS = 240
PUBLISHED = "test/reconciliation.duckdb"

pytestmark = pytest.mark.xdist_group(GROUP)


@pytest.fixture
def stripe() -> SmallStripe:
    return small_platform()


def platform_event(name: str, payout: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    content = event(name, data={"object": {"id": payout, "object": "payout"}}, **more)
    del content["account"]
    return content


class Server:
    """`tieout serve` in a process of its own."""

    def __init__(self, base: str, folder: Path, debounce: float) -> None:
        self._folder = folder
        self._base = base
        self.process = start(
            "serve",
            STRIPE_WEBHOOK_SECRETS=f"whsec_old, {SECRET}",
            TIEOUT_WEBHOOK_PORT="0",
            TIEOUT_WEBHOOK_DEBOUNCE_SECONDS=str(debounce),
            PYTHONUNBUFFERED="1",
            **environment_for(base, folder),
        )
        self.printed: list[str] = []
        self.url = ""
        threading.Thread(target=self._listen, daemon=True).start()
        wait_until(lambda: bool(self.url))

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed.append(line)
            if "Listening" in line:
                self.url = line.split(" at ")[1].split("/webhooks")[0].strip()

    def ready(self) -> dict[str, Any]:
        """Wait until it is ready; answer what it tells."""
        wait_until(lambda: send(f"{self.url}/ready")[0] == 200)
        return send(f"{self.url}/ready")[1]

    def done(self, count: int) -> dict[str, Any]:
        """Wait until so many events were acted on; answer what it tells."""
        wait_until(lambda: send(f"{self.url}/health")[1]["inbox"]["done"] == count)
        wait_until(lambda: not send(f"{self.url}/health")[1]["worker"]["is_running"])
        return send(f"{self.url}/health")[1]

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> str:
        """Stop it as a system does; answer what it printed."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LONG_ENOUGH_SECONDS) == 0
        assert self.process.stderr is not None
        printed = "".join(self.printed) + self.process.stderr.read()
        assert "Traceback" not in printed
        assert KEY not in printed
        assert SECRET not in printed
        return printed


@contextmanager
def serving(base: str, folder: Path, debounce: float = 0) -> Iterator[Server]:
    server = Server(base, folder, debounce)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG_ENOUGH_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


def statuses(folder: Path) -> dict[str, str]:
    return dict(
        rows(
            folder / PUBLISHED,
            "select payout_id, reconciliation_status from finance.fct_payout_reconciliation",
        )
    )


def test_an_event_leads_to_its_payout_and_to_nothing_else(
    stripe: SmallStripe, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    with stripe.served() as base, serving(base, folder) as server:
        server.ready()  # it read everything first
        assert statuses(folder) == {"po_1": "reconciled"}
        stripe.add_payout("po_2", JANUARY + DAY, 50)
        stripe.asked.clear()
        assert post(server.url, platform_event("evt_1", "po_2"))[0] == 200
        assert post(server.url, platform_event("evt_1", "po_2"))[0] == 200
        told = server.done(1)
        assert statuses(folder) == {"po_1": "reconciled", "po_2": "reconciled"}
        # Whose key it is, payouts, the new list, the balance, what is new.
        assert {request.account for request in stripe.asked} == {None}
        assert len(stripe.asked) == told["last_run"]["requests"] == 5
        address = urlsplit(server.url)
        with socket.create_connection((str(address.hostname), int(address.port or 0))) as half:
            half.sendall(b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
            time.sleep(0.5)
            server.stop()
        record = json.loads((folder / "test/run.json").read_text())
        assert record["scope"] == {"platform": ["po_2"]}

        stripe.asked.clear()
        with serving(base, folder) as again:
            assert again.ready()["last_run"] is None
            time.sleep(2)
            printed = again.stop()
        assert "Nothing was missed" in printed
        assert {request.path for request in stripe.asked} == {"/v1/accounts", "/v1/events"}


def test_after_a_whole_run_serving_starts_no_sync_and_finds_what_came_since(
    stripe: SmallStripe, tmp_path: Path, first_run: FirstRun
) -> None:
    folder = tmp_path / "data"
    first_run.copied(folder)
    with stripe.served() as base:
        stripe.add_payout("po_2", JANUARY + DAY, 50)
        missed = platform_event("evt_missed", "po_2", created=int(time.time()) + 1)
        long_ago = platform_event("evt_known", "po_1", created=JANUARY)
        stripe.events[PLATFORM] = [missed, long_ago]
        with serving(base, folder) as server:
            server.ready()
            server.done(1)
            assert statuses(folder)["po_2"] == "reconciled"
            printed = server.stop()
    assert "Caught up: 1 new event." in printed
    assert "every account" not in printed


def test_a_kill_before_or_in_the_middle_of_the_work_loses_nothing(
    stripe: SmallStripe, tmp_path: Path, first_run: FirstRun
) -> None:
    folder = tmp_path / "data"
    first_run.copied(folder)
    asked, go_on = threading.Event(), threading.Event()

    def hold(request: Request) -> Answer | None:
        if request.query.get("payout") == "po_3":
            asked.set()
            assert go_on.wait(LONG_ENOUGH_SECONDS)
        return None

    with stripe.served() as base:
        with serving(base, folder, debounce=2) as server:
            server.ready()
            stripe.add_payout("po_2", JANUARY + DAY, 50)
            assert post(server.url, platform_event("evt_1", "po_2"))[0] == 200
            server.kill()
        with serving(base, folder) as server:
            server.ready()
            server.done(1)
            assert statuses(folder)["po_2"] == "reconciled"
            stripe.add_payout("po_3", JANUARY + 2 * DAY, 50)
            stripe.answer = hold
            post(server.url, platform_event("evt_2", "po_3"))
            assert asked.wait(LONG_ENOUGH_SECONDS)
            # What a run by hand waits for.
            with pytest.raises(Timeout), FileLock(folder / "test/.events.lock", timeout=0):
                pass
            server.kill()
        with sqlite3.connect(folder / "test/events.sqlite") as inbox:
            (status,) = inbox.execute("select status from events where id = 'evt_2'").fetchone()
            assert status == "waiting"
        with serving(base, folder) as server:
            server.ready()
            go_on.set()
            server.done(2)
            server.stop()
        whole = tmp_path / "whole"
        assert tieout("reconcile", **environment_for(base, whole)).returncode == 0
    tables, of_whole = (published_tables(at / PUBLISHED) for at in (folder, whole))
    assert tables == of_whole


def test_a_run_by_hand_waits_for_one_that_events_started(
    stripe: SmallStripe, tmp_path: Path
) -> None:
    folder = tmp_path / "data/test"
    folder.mkdir(parents=True)
    with stripe.served() as base:
        with FileLock(folder / ".events.lock"), FileLock(folder / ".lock"):
            run = start("sync", STRIPE_API_KEY=KEY, STRIPE_API_BASE=base, PYTHONUNBUFFERED="1")
            assert run.stdout is not None
            said = ""
            while "waiting for it" not in said:
                said = run.stdout.readline()
                assert said
            assert stripe.asked == []
        outcome = finish(run)
    assert outcome.returncode == 0
    assert stripe.asked


def test_a_run_waits_for_another_one_on_wish(stripe: SmallStripe, tmp_path: Path) -> None:
    folder = tmp_path / "data/test"
    folder.mkdir(parents=True)
    with stripe.served() as base:
        environment = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": base}
        with FileLock(folder / ".lock"):
            run = start("reconcile", "--wait", PYTHONUNBUFFERED="1", **environment)
            assert run.stdout is not None
            while "waiting for it" not in run.stdout.readline():
                assert run.poll() is None
        assert finish(run).returncode == 0


def test_serving_without_a_secret_or_on_a_port_that_is_taken_is_a_wrong_setting(
    stripe: SmallStripe,
) -> None:
    with stripe.served() as base:
        environment = {"STRIPE_API_KEY": KEY, "STRIPE_API_BASE": base}
        bare = tieout("serve", TIEOUT_WEBHOOK_PORT="0", **environment)
        assert bare.returncode == 2
        assert "STRIPE_WEBHOOK_SECRETS" in bare.stderr
        port = base.rpartition(":")[2]
        folder = Path("data/test")
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".serve.lock"):
            second = tieout("serve", STRIPE_WEBHOOK_SECRETS=SECRET, **environment)
        assert second.returncode == 2
        assert "Another server is at work" in second.stderr
        taken = tieout(
            "serve", TIEOUT_WEBHOOK_PORT=port, STRIPE_WEBHOOK_SECRETS=SECRET, **environment
        )
        assert taken.returncode == 2
        assert "can't be listened on" in taken.stderr
    wrong = tieout("serve", STRIPE_WEBHOOK_SECRETS="sk_test_1", STRIPE_API_KEY=KEY)
    assert wrong.returncode == 2
    assert "whsec_" in wrong.stderr
    assert "sk_test_1" not in wrong.stderr
