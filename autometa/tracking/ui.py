"""Shows a tracking store in the browser with as little as MLflow's server can be."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from autometa.errors import StorageError
from autometa.tracking import uiguard
from autometa.tracking.sqlitecheck import check_store
from autometa.tracking.uris import UI_PORT, deep_link

HOST = "127.0.0.1"
MAX_PORTS = 50
START_SECONDS = 90.0
# Two processes and half a GB instead of fifteen and three.
_LIGHT = {
    "DO_NOT_TRACK": "true",
    # MLflow discourages folders as stores; who names one in a task file wants one.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    # Not from the current folder, which may hold a `types.py`.
    "PYTHONSAFEPATH": "1",
}


@dataclass(frozen=True, slots=True)
class UiServer:
    """A page server that answers.

    Args:
        port: Where it listens, on 127.0.0.1 only.
        tracking_uri: The store it shows.
        guard: The process that ends it.
    """

    port: int
    tracking_uri: str
    guard: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """The first page."""
        return f"http://{HOST}:{self.port}/"

    def link(self, experiment_id: str | None, run_id: str | None) -> str:
        """Gives the link that opens a run here."""
        return deep_link("", experiment_id, run_id, port=self.port)

    def wait(self) -> None:
        """Waits until the server ends by itself; Ctrl-C raises KeyboardInterrupt."""
        self.guard.wait()


@contextmanager
def serve(
    tracking_uri: str,
    *,
    artifacts: str = "",
    port: int = UI_PORT,
    start_seconds: float = START_SECONDS,
) -> Iterator[UiServer]:
    """Serves the pages of a store until the block is left or this process ends in any way.

    Args:
        tracking_uri: Of a store that is no server; a server has pages of its own, see `deep_link`.
        artifacts: Artifact location of the store.
        port: The first one to try; when it is taken, the next free one is used.
        start_seconds: How long it may take to answer.

    Yields:
        The server, once it answers.

    Raises:
        StorageError: If the store cannot be used, no port is free, or the server does not start;
            the message holds its last line.
    """
    check_store(tracking_uri)
    with tempfile.TemporaryFile() as log:
        port = _free_port(port)
        guard = _start(tracking_uri, artifacts, port, log)
        try:
            _await_health(port, guard, log, start_seconds)
            yield UiServer(port, tracking_uri, guard)
        finally:
            _stop(guard)


def _free_port(first: int) -> int:
    for port in range(first, min(first + MAX_PORTS, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise StorageError(
        f"no port from {first} to {first + MAX_PORTS - 1} is free.", hint="Name another one."
    )


def _start(tracking_uri: str, artifacts: str, port: int, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", tracking_uri]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", shlex.join(["--log-level", "warning"])]
    if artifacts:
        command += ["--artifacts-destination", artifacts]
    return subprocess.Popen(  # noqa: S603 - our own module, and MLflow
        [sys.executable, "-P", "-I", str(Path(uiguard.__file__)), *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        env={**os.environ, **_LIGHT},
        start_new_session=True,
    )


def _await_health(
    port: int, guard: subprocess.Popen[bytes], log: IO[bytes], seconds: float
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and guard.poll() is None:
        if _is_healthy(port):
            return
        time.sleep(0.2)
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").strip().splitlines()
    raise StorageError(
        f"the MLflow pages did not come up at port {port}: {lines[-1] if lines else 'no output'}."
    )


def _is_healthy(port: int) -> bool:
    # No proxy of the environment shall be asked for a page of this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _stop(guard: subprocess.Popen[bytes]) -> None:
    if guard.stdin is not None:
        guard.stdin.close()
    try:
        guard.wait(uiguard.GRACE_SECONDS + 3)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
