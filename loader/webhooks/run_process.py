"""Starts the runs that events ask for, each in a process of its own.

So the receiver stays quick, outlives whatever a run ends in, and never opens a DuckDB file.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loader.settings import Mode
from loader.webhooks.worker import RunFailedError, RunOutcome, Work

# The job's exit codes of a run that was published, clean or with errors open.
PUBLISHED = (0, 3)


# Longer than any run that goes on; after that it is ended, and tried again later.
LONGEST_RUN_SECONDS = 12 * 3600.0


async def start_event_run(work: Work | None, mode: Mode, as_of: datetime | None) -> RunOutcome:
    """Run the job in a process of its own, for some accounts with their payouts, or for all.

    Args:
        work: the accounts, each with payouts to read anew; none is all.
        mode: the mode that the events are of; a run of another one is refused.
        as_of: the moment that "today" is; none leaves it to the settings.

    Raises:
        RunFailedError: it was not published.
    """
    payouts = None if work is None else {account: sorted(of) for account, of in work.items()}
    asked = {"mode": mode, "payouts": payouts, "as_of": as_of and as_of.isoformat()}
    try:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loader.webhooks.event_run"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Ctrl-C is the server's to hear: it lets a run end.
            start_new_session=True,
        )
    except OSError as error:
        raise RunFailedError(f"a run can't be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(LONGEST_RUN_SECONDS):
            printed, said = await child.communicate(json.dumps(asked).encode())
    except TimeoutError:
        os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
        raise RunFailedError("a run did not end and was stopped") from None
    if child.returncode not in PUBLISHED:
        raise RunFailedError(_last_line(said) or f"a run ended with {child.returncode}")
    try:
        return _outcome(json.loads(printed.splitlines()[-1]))
    except (ValueError, LookupError, TypeError) as error:
        raise RunFailedError(f"a run's record can't be read ({type(error).__name__})") from None


def _last_line(said: bytes) -> str:
    """Answer what was told at the end: of a stack trace, the reason."""
    lines = said.decode(errors="replace").strip().splitlines()
    has_trace = any(line.startswith("Traceback") for line in lines)
    return lines[-1] if has_trace else " ".join(lines)


def _outcome(record: Mapping[str, Any]) -> RunOutcome:
    """Answer what the worker has to know of a run's record."""
    return RunOutcome(
        exit_code=record["exit_code"],
        started_at=datetime.fromisoformat(record["started_at"]).timestamp(),
        seconds=sum(record["seconds"].values()),
        requests=record["requests_total"],
        failed_accounts={a: record["account_errors"][a] for a in record["accounts_failed"]},
        platform_account_id=record["platform_account_id"],
    )
