"""A real Spark cluster on this machine: a master and two workers, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.request import urlopen

import pyspark

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
WORKERS = 2
LONG_ENOUGH_SECONDS = 120

# Small data: what Spark does to be fast on much of it costs more than it saves.
DEFAULTS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.sql.files.minPartitionNum": "1",
    "spark.sql.files.openCostInBytes": "0",
    "spark.locality.wait": "0s",
    "spark.sql.autoBroadcastJoinThreshold": "-1",
    "spark.shuffle.compress": "false",
    "spark.sql.parquet.compression.codec": "uncompressed",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.memory": "2g",
    "spark.executor.memory": "1g",
    "spark.ui.enabled": "false",
    # Most of the time goes into planning some 500 queries, in the driver: it is worth compiling.
    "spark.sql.constraintPropagation.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:+UseParallelGC -XX:ReservedCodeCacheSize=256m",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}

DAEMON_ENVIRONMENT = {
    "SPARK_DAEMON_MEMORY": "256m",
    "SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


class Cluster:
    """A master and its workers, as processes: they start while the test makes what it compares."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        port, self._status_port = free_port(), free_port()
        self._address = f"spark://127.0.0.1:{port}"
        ports = ("--port", str(port), "--webui-port", str(self._status_port))
        self._start("master.Master", *ports)
        self._workers = [self._start_worker() for _ in range(WORKERS)]

    @property
    def master(self) -> str:
        """The cluster's address, once its workers are there."""
        deadline = time.monotonic() + LONG_ENOUGH_SECONDS
        while alive_workers(self._status_port) < WORKERS:
            assert time.monotonic() < deadline, "the cluster did not come up"
            time.sleep(0.2)
        return self._address

    def replace_worker(self) -> None:
        """Kill a worker with all it works on, as a loss of power would; begin another one."""
        worker = self._workers.pop(0)
        # Its executors are in its group.
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        self._workers.append(self._start_worker())

    def _start_worker(self) -> subprocess.Popen[bytes]:
        work = tempfile.mkdtemp(dir=self._folder)
        size = ("--cores", "1", "--memory", "1g", "--work-dir", work, "--webui-port", "0")
        return self._start("worker.Worker", *size, self._address)

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [SPARK_CLASS, f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments],
                env={**os.environ, **DAEMON_ENVIRONMENT},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._running.callback(_stop, process)
        return process


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a master and its workers, and stop them."""
    conf = folder / "conf"
    conf.mkdir(parents=True)
    settings = "".join(f"{name} {value}\n" for name, value in DEFAULTS.items())
    (conf / "spark-defaults.conf").write_text(settings)
    os.environ["SPARK_CONF_DIR"] = str(conf)
    with ExitStack() as running:
        yield Cluster(folder, running)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()


def alive_workers(status_port: int) -> int:
    """Ask the master how many workers it has."""
    try:
        with urlopen(f"http://127.0.0.1:{status_port}/json/", timeout=5) as answer:
            return int(json.load(answer)["aliveworkers"])
    except (OSError, ValueError):  # it is not up yet
        return 0


def free_port() -> int:
    """Answer a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
