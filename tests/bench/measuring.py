"""Runs commands in processes of their own against a sandbox, and measures both sides.

A process tells its seconds, CPU and memory as it ends; the sandbox tells which requests came, and
when. This process has to stay small: Linux counts what it holds into the peak of its children.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

import duckdb

from loader.sandbox.options import SandboxOptions
from loader.sandbox.process import SandboxProcess
from loader.sandbox.request_record import PATH as RECORD_PATH
from tests.bench.figures import REPOSITORY

# Accounts of a uniform platform that are made before the clock runs; more are small, and are made
# when first read.
MOST_ACCOUNTS_TO_WARM = 10

# Linux counts peak memory in KiB, macOS in bytes.
_MEMORY_UNIT = 1 if sys.platform == "darwin" else 1024
_MEGABYTE = 1_000_000

_BETWEEN_LOOKS_SECONDS = 0.02
_TIEOUT = ("-c", "from loader.cli import main; main()")


class BenchError(Exception):
    """A run did not do what it has to; the message says which and what it printed."""


@dataclass(frozen=True)
class Asked:
    """What a sandbox was asked since its record was begun; times in seconds since 1970."""

    endpoints: Mapping[str, Mapping[str, Any]]

    @property
    def requests(self) -> int:
        """How many requests came."""
        return self._sum("requests")

    @property
    def refused(self) -> int:
        """How many of them were answered 429."""
        return self._sum("refused")

    @property
    def hurt(self) -> int:
        """How many were not answered with 200."""
        return self.requests - self._sum("answered")

    @property
    def first_at(self) -> float:
        """When the first request came."""
        return min(float(one["first_at"]) for one in self.endpoints.values())

    @property
    def last_at(self) -> float:
        """When the last answer left."""
        return max(float(one["last_at"]) for one in self.endpoints.values() if one["last_at"])

    def _sum(self, name: str) -> int:
        return sum(int(one[name]) for one in self.endpoints.values())


@dataclass(frozen=True)
class Run:
    """One process, from its start to its end."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    exit_code: int
    output: str
    asked: Asked

    def expect(self, *exit_codes: int) -> Self:
        """Answer itself, if it ended as it has to.

        Raises:
            BenchError: it ended otherwise.
        """
        if self.exit_code not in exit_codes:
            raise BenchError(f"ended with exit code {self.exit_code}:\n{self.output[-3_000:]}")
        return self


class Platform:
    """A sandbox that serves, with the record of what it was asked."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = options
        self._process = SandboxProcess(options)

    def __enter__(self) -> Self:
        self._process.__enter__()
        self._warm_up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.__exit__(kind, error, traceback)

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return self._process.base_url

    @property
    def api_key(self) -> str:
        """The key that may read everything."""
        return self._process.api_key

    def asked(self) -> Asked:
        """Answer what came since the record was begun."""
        return Asked(self._json(RECORD_PATH))

    def forget(self) -> None:
        """Begin the record anew."""
        self._json(RECORD_PATH, method="DELETE")

    def _warm_up(self) -> None:
        """Let the books of a few large accounts be made before anything is measured."""
        if not 0 < (self.options.accounts or 0) <= MOST_ACCOUNTS_TO_WARM:
            return
        for account in self._json("/v1/accounts?limit=100")["data"]:
            self._json("/v1/balance", account=account["id"])
            self._json("/v1/payouts?limit=1", account=account["id"])
            self._json("/v1/balance_transactions?limit=1", account=account["id"])
        self.forget()

    def _json(self, path: str, method: str = "GET", account: str = "") -> Any:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if account:
            headers["Stripe-Account"] = account
        request = Request(self.base_url + path, method=method, headers=headers)  # noqa: S310
        with urlopen(request, timeout=300) as answer:  # noqa: S310 - our own sandbox
            return json.loads(answer.read())


@dataclass(frozen=True)
class Installation:
    """Tieout with a data folder of its own, pointed at a sandbox."""

    folder: Path
    platform: Platform
    requests_per_second: str = "0"
    """`TIEOUT_REQUESTS_PER_SECOND`; empty is the default for a test key."""

    @property
    def warehouse_path(self) -> Path:
        """The private DuckDB file."""
        return self.folder / "test" / "warehouse.duckdb"

    @property
    def published_path(self) -> Path:
        """The published DuckDB file."""
        return self.folder / "test" / "reconciliation.duckdb"

    def tieout(self, *command: str, until: Callable[[], bool] | None = None) -> Run:
        """Run a command to its end, or kill it once `until` holds."""
        return self.python(*_TIEOUT, *command, until=until)

    def python(self, *arguments: str, until: Callable[[], bool] | None = None) -> Run:
        """Run Python with the settings of this installation, or kill it once `until` holds."""
        return run(self.platform, self.folder, arguments, self.settings(), until)

    def last_commit_at(self) -> float:
        """Answer when the last load package of Stripe's was committed, in seconds since 1970."""
        with duckdb.connect(str(self.warehouse_path), read_only=True) as connection:
            found = connection.sql(
                "select epoch(max(inserted_at)) from stripe._dlt_loads where status = 0"
            ).fetchone()
        if not found or found[0] is None:
            raise BenchError("nothing was loaded")
        return float(found[0])

    def settings(self) -> dict[str, str]:
        """Answer the environment that points at it."""
        return {
            "STRIPE_API_KEY": self.platform.api_key,
            "STRIPE_API_BASE": self.platform.base_url,
            "TIEOUT_DATA_DIR": str(self.folder),
            "TIEOUT_AS_OF": self.platform.options.as_of.isoformat(),
            "TIEOUT_REQUESTS_PER_SECOND": self.requests_per_second,
        }


def run(
    platform: Platform | None,
    folder: Path,
    arguments: tuple[str, ...],
    settings: Mapping[str, str] | None = None,
    until: Callable[[], bool] | None = None,
) -> Run:
    """Run Python in a process of its own, in a folder; kill it (-9) once `until` holds."""
    folder.mkdir(parents=True, exist_ok=True)
    if platform:
        platform.forget()
    started = time.monotonic()
    with (folder / "output.txt").open("w+b") as output:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=_environment(settings or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        status, used = _wait(child.pid, until)
        seconds = time.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read().decode(errors="replace")
    return Run(
        seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_megabytes=used.ru_maxrss * _MEMORY_UNIT / _MEGABYTE,
        exit_code=child.returncode,
        output=printed,
        asked=platform.asked() if platform else Asked({}),
    )


def peak_megabytes_until_now() -> float:
    """Answer the most memory that this process held until now, with those that it began.

    Of the others Linux alone tells, and only while they run.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MEMORY_UNIT
    return (own + sum(_peaks_of_children(str(os.getpid())))) / _MEGABYTE


def _peaks_of_children(parent: str) -> Iterator[int]:
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            told = dict(line.split(":", 1) for line in status.read_text().splitlines())
            if told["PPid"].strip() == parent and "VmHWM" in told:
                yield int(told["VmHWM"].split()[0]) * 1024
                yield from _peaks_of_children(told["Pid"].strip())


def _wait(pid: int, until: Callable[[], bool] | None) -> tuple[int, resource.struct_rusage]:
    """Wait for a process to end; answer its status and what it used."""
    while until is not None:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, used
        if until():
            os.kill(pid, signal.SIGKILL)
            break
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    _, status, used = os.wait4(pid, 0)
    return status, used


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Answer the environment without the developer's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STRIPE_", "TIEOUT_"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **settings}
