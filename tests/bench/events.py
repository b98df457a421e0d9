"""The scenario of a burst of events: how fast they are stored, whether any is lost, what one costs.

The floor is a server that answers each of them and neither looks at it nor keeps it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import stripe

from loader.sandbox.options import SandboxOptions
from loader.webhooks.receiver import WEBHOOK_PATH
from tests.bench.figures import REPOSITORY, Figure
from tests.bench.loads import AS_OF, Say
from tests.bench.measuring import BenchError, Installation, Platform

BURST = 10_000
IN_FLIGHT = 40
SECRET = "whsec_bench"  # noqa: S105 - signs what the bench makes up
DEBOUNCE_SECONDS = 5

_LONGEST_WAIT_SECONDS = 300.0

_BARE = """
import sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def taken(request):
    await request.body()
    return JSONResponse({})

app = Starlette(routes=[Route("/ready", taken), Route(sys.argv[1], taken, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
"""


def events(folder: Path, say: Say) -> Iterator[Figure]:
    """10,000 events at once: events a second, lost ones; one event: requests and seconds."""
    options = SandboxOptions.measured(
        as_of=AS_OF, accounts=20, payouts_per_account=3, rows_per_payout=20
    )
    say("the floor")
    with _server("-c", _BARE, WEBHOOK_PATH) as port:
        floor_seconds = asyncio.run(_burst(port, "evt_floor", BURST))
    with Platform(options) as platform:
        say("a whole run")
        installation = Installation(folder / "tieout", platform)
        installation.tieout("reconcile").expect(0)
        environment = installation.settings() | {
            "STRIPE_WEBHOOK_SECRETS": SECRET,
            "TIEOUT_WEBHOOK_DEBOUNCE_SECONDS": str(DEBOUNCE_SECONDS),
        }
        serve = "import sys; from loader.cli import main; sys.argv = ['tieout', 'serve']; main()"
        with _server("-c", serve, environment=environment) as port:
            say(f"{BURST:,} events")
            seconds = asyncio.run(_burst(port, "evt_burst", BURST))
            stored = _stored(installation)
            say("until they are acted on")
            _wait_for(lambda: _told(port)["inbox"]["waiting"] == 0)
            say("one event")
            platform.forget()
            began = time.monotonic()
            asyncio.run(_burst(port, "evt_one", 1))
            _wait_for(lambda: _told(port)["inbox"]["done"] == BURST + 1)
            one_seconds = time.monotonic() - began
            asked = platform.asked()
    rates = BURST / seconds, BURST / floor_seconds
    yield Figure("events", f"{BURST:,} events, a second", rates[0], "", rates[1], is_rate=True)
    yield Figure("events", "events lost", BURST - stored, goal="0")
    yield Figure("events", "one event: requests", asked.requests, "", 4)
    yield Figure(
        "events", f"one event: sent to published, {DEBOUNCE_SECONDS} s of waiting", one_seconds, "s"
    )
    if stored != BURST:
        raise BenchError(f"{stored:,} of {BURST:,} events were stored")


@contextmanager
def _server(*command: str, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run a server on a free port until it is no longer needed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("STRIPE_", "TIEOUT_"))}
    settings |= {"PYTHONPATH": str(REPOSITORY), "TIEOUT_WEBHOOK_PORT": str(port)}
    child = subprocess.Popen(
        [sys.executable, *command, str(port)],
        env=settings | (environment or {}),
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(lambda: _is_ready(port))
        yield port
    finally:
        child.terminate()
        child.wait()


def _wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise BenchError("the server did not come that far")
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    try:
        return bool(_told(port).get("ready", True))
    except (URLError, ConnectionError):
        return False


def _told(port: int) -> dict[str, dict[str, int]]:
    with urlopen(f"http://127.0.0.1:{port}/ready", timeout=30) as answer:
        told: dict[str, dict[str, int]] = json.loads(answer.read())
    return told


def _stored(installation: Installation) -> int:
    path = installation.warehouse_path.with_name("events.sqlite")
    with sqlite3.connect(path) as inbox:
        (count,) = inbox.execute("select count(*) from events").fetchone()
    return int(count)


async def _burst(port: int, name: str, count: int) -> float:
    """Send events over a few connections; answer the seconds until all were taken."""
    requests = [_request(f"{name}_{number}") for number in range(count)]
    began = time.monotonic()
    numbers = iter(requests)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(IN_FLIGHT, count)):
            tasks.create_task(_send(port, numbers))
    return time.monotonic() - began


async def _send(port: int, requests: Iterator[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise BenchError(head.decode())
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()


def _request(event_id: str) -> bytes:
    content = {
        "id": event_id,
        "object": "event",
        "created": int(time.time()),
        "data": {"object": {"id": "po_unknown", "object": "payout", "padding": "x" * 1_500}},
        "livemode": False,
        "type": "payout.updated",
    }
    body = json.dumps(content)
    signed = stripe.WebhookSignature.generate_signature_header(body, SECRET)
    head = f"POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: x\r\nStripe-Signature: {signed}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
