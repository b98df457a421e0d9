"""`python -m loader.sandbox`: serve a sandbox until it is interrupted."""

import argparse
import asyncio
import gc
import json
import socket
import sys
import threading
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import uvicorn

from loader.sandbox.api import Api
from loader.sandbox.bank.files import write_bank_files
from loader.sandbox.options import (
    PERMISSIONS,
    SECRET_KEY,
    WEBHOOK_SECRET,
    Delivery,
    SandboxOptions,
)
from loader.sandbox.server import make_api, serve_api
from loader.sandbox.state import DAYS_OF_HISTORY


def main(arguments: list[str] | None = None) -> int:
    """Serve, after one line of JSON on stdout that says where."""
    parsed = _parser().parse_args(arguments)
    try:
        options = _options(parsed)
    except ValueError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    if parsed.bank_dir is not None:
        try:
            write_bank_files(parsed.bank_dir, options)
        except OSError as error:
            print(f"sandbox: bank statements can't be written: {error}", file=sys.stderr)
            return 1
    # Books are millions of objects that live as long as the process: looking at them for garbage
    # again and again would take longer than making them.
    gc.set_threshold(200_000, 50, 1_000)
    api = make_api(options)
    app = serve_api(api, options)
    gc.freeze()
    listening = _listen(parsed.port)
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    if parsed.exit_with_stdin:
        threading.Thread(target=_exit_with_stdin, args=(server,), daemon=True).start()
    port = listening.getsockname()[1]
    ready = {"port": port, "base_url": f"http://127.0.0.1:{port}", "api_key": SECRET_KEY}
    print(json.dumps(ready), flush=True)
    if parsed.deliver_to is None:
        server.run(sockets=[listening])
    else:
        delivery = Delivery(parsed.deliver_to, parsed.webhook_secret, parsed.speed)
        asyncio.run(_serve_and_go_on(server, listening, api, options, delivery))
    return 0


async def _serve_and_go_on(
    server: uvicorn.Server,
    listening: socket.socket,
    api: Api,
    options: SandboxOptions,
    delivery: Delivery,
) -> None:
    """Serve until interrupted; the story goes on meanwhile."""
    # Stripe's SDK and an HTTP client take longer to import than the story to tell.
    from loader.sandbox.delivery import MovingStory  # noqa: PLC0415

    moving = asyncio.create_task(MovingStory(api, options, delivery).go_on())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.wait({moving, serving}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    if not moving.cancel():  # it ended by itself: what ended it is an error of ours
        moving.result()


def _listen(port: int) -> socket.socket:
    # Named as TCP in full: asyncio turns off Nagle's delay (40 ms an answer) only for such sockets.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    listening.listen(512)
    return listening


def _exit_with_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
    server.force_exit = True  # nobody is left to hear the answers in flight


def options_from(arguments: list[str]) -> SandboxOptions:
    """Return the options a command line stands for."""
    return _options(_parser().parse_args(arguments))


def _options(parsed: argparse.Namespace) -> SandboxOptions:
    as_of = parsed.as_of or datetime.now(UTC)
    days = parsed.days if parsed.days is not None else DAYS_OF_HISTORY
    return SandboxOptions(
        first_day=parsed.first_day or as_of.date() - timedelta(days=days),
        as_of=as_of,
        seed=parsed.seed,
        broken=parsed.broken,
        accounts=parsed.accounts,
        transactions_per_day=parsed.transactions_per_day,
        payouts_per_account=parsed.payouts_per_account,
        rows_per_payout=parsed.rows_per_payout,
        latency_ms=parsed.latency_ms,
        requests_per_second=parsed.requests_per_second,
        fault_rate=parsed.fault_rate,
        restricted_key_permissions=parsed.restricted_key_permissions,
    )


def _instant(text: str) -> datetime:
    """Read a date (its last second) or an ISO time; without a zone it is UTC."""
    if len(text) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59), UTC)
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loader.sandbox", description=__doc__)
    add = parser.add_argument
    add("--as-of", type=_instant, help="the sandbox's now: a date or an ISO time (UTC)")
    add("--first-day", type=date.fromisoformat, help="the day the platform opens")
    add("--days", type=int, help="days of history, in place of --first-day (90)")
    add("--seed", type=int, default=1)
    add("--port", type=int, default=0, help="0 takes a free one")
    add("--broken", action="store_true", help="plant discrepancies")
    add("--accounts", type=int, help="a plain platform with this many connected accounts")
    add("--transactions-per-day", type=int, help="of each account of the plain platform")
    add("--payouts-per-account", type=int, help="one a day, in place of --transactions-per-day")
    add("--rows-per-payout", type=int, default=100, help="of each such payout's list")
    add("--latency-ms", type=int, default=0, help="waited before each answer")
    add("--requests-per-second", type=float, help="429 above it, for each endpoint")
    add("--fault-rate", type=float, default=0.0, help="share of requests that fail")
    add(
        "--restricted-key-permissions",
        type=_names,
        default=PERMISSIONS,
        help="what rk_test_sandbox may read, comma-separated",
    )
    add("--bank-dir", type=Path, help="write the banks' statements there before serving")
    add("--deliver-to", help="address of a webhook: the clock moves, and events are sent there")
    add("--webhook-secret", default=WEBHOOK_SECRET, help="signs them")
    add("--speed", type=float, default=1.0, help="seconds of the story in each second")
    add("--exit-with-stdin", action="store_true", help="exit when stdin is closed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
