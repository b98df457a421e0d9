"""The command line in a process of its own, as a user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TIEOUT = Path(sys.executable).with_name("tieout")
KEY = "sk_test_51AbCdSecret"


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a command and answer its process."""
    return subprocess.Popen(
        [str(TIEOUT), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Wait for the end; no command shows a stack trace or the key."""
    stdout, stderr = process.communicate()
    assert "Traceback" not in stdout + stderr
    assert KEY not in stdout + stderr
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def tieout(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return finish(start(*arguments, **environment))
