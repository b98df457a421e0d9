"""The sandbox as a process of its own, for as long as a `with` block lasts."""

import json
import selectors
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from loader.sandbox.options import SECRET_KEY, Delivery, SandboxOptions

START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 5.0


class SandboxStartError(Exception):
    """The server process did not come up; the message holds what it wrote to stderr."""


class SandboxProcess:
    """Runs `python -m loader.sandbox` and knows where it listens.

    The child exits when its stdin closes, so it does not outlive this process, however that ends.
    """

    def __init__(
        self,
        options: SandboxOptions,
        bank_dir: Path | None = None,
        delivery: Delivery | None = None,
    ) -> None:
        self.options = options
        self._delivery = delivery
        self.bank_dir = bank_dir
        """Where bank statements are written before it serves; none are where it is None."""
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._port: int | None = None

    @property
    def base_url(self) -> str:
        """Where the API answers, like `http://127.0.0.1:49152`."""
        if self._port is None:
            message = "the sandbox is not running"
            raise RuntimeError(message)
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_key(self) -> str:
        """The key that may read everything."""
        return SECRET_KEY

    def __enter__(self) -> Self:
        # A file, not a pipe: nobody drains it, and a full pipe would stop the server.
        self._stderr = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "loader.sandbox", "--exit-with-stdin"]
        if self.bank_dir is not None:
            command += ["--bank-dir", str(self.bank_dir)]
        if self._delivery is not None:
            command += self._delivery.to_arguments()
        self._child = subprocess.Popen(  # noqa: S603 - our own module, our own arguments
            [*command, *self.options.to_arguments()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,  # Ctrl-C is ours to hear; the server goes when we let go
        )
        try:
            self._port = self._wait_for_port(self._child)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait_for_port(self, child: subprocess.Popen[bytes]) -> int:
        assert child.stdout is not None  # noqa: S101 - asked for above
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            if not selector.select(deadline - time.monotonic()):
                self._fail(f"did not start within {START_TIMEOUT_SECONDS:.0f} s")
        line = child.stdout.readline()
        if not line:
            self._fail(f"ended with exit code {child.wait()} before it was ready")
        return int(json.loads(line)["port"])

    def _fail(self, reason: str) -> None:
        assert self._stderr is not None  # noqa: S101 - opened with the child
        self._stderr.seek(0)
        written = self._stderr.read().decode(errors="replace").strip()
        message = f"the sandbox {reason}" + (f":\n{written}" if written else "")
        raise SandboxStartError(message)

    def _stop(self) -> None:
        child, self._child, self._port = self._child, None, None
        if child is not None:
            self._end(child)
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    @staticmethod
    def _end(child: subprocess.Popen[bytes]) -> None:
        if child.stdin is not None:
            child.stdin.close()
        try:
            child.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
