"""Starts the runs that events ask for, each in a process of its own.

So the receiver stays quick, outlives whatever a run ends in, and never opens a DuckDB file.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from loader.webhooks.worker import RunFailedError, RunOutcome, Work

# The job's exit codes of a run that was published, clean or with errors open.
PUBLISHED = (0, 3)


async def start_event_run(work: Work | None, as_of: datetime | None) -> RunOutcome:
    """Run the job in a process of its own, for some accounts with their payouts, or for all.

    Args:
        work: the accounts, each with payouts to read anew; none is all.
        as_of: the moment that "today" is; none leaves it to the settings.

    Raises:
        RunFailedError: it was not published.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loader.webhooks.event_run",
        *([as_of.isoformat()] if as_of else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Ctrl-C is the server's to hear: it lets a run end.
        start_new_session=True,
    )
    asked = None if work is None else {account: sorted(of) for account, of in work.items()}
    printed, said = await child.communicate(json.dumps(asked).encode())
    if child.returncode not in PUBLISHED:
        why = said.decode(errors="replace").strip() or f"it ended with {child.returncode}"
        raise RunFailedError(why)
    return _outcome(json.loads(printed.splitlines()[-1]))


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
