"""The tracker process: ``python -m autometa.tracking.process <study folder>``.

It replays the study's spool into the tracking store, however slow or absent that is, and ends when
the study has ended. It may be killed at any moment: the next one goes on where it was.
"""

from __future__ import annotations

import gc
import getpass
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from autometa.tracking import processes, spool, state
from autometa.tracking.pump import Pump

_log = logging.getLogger("autometa.tracking")

POLL_SECONDS = 0.1
GATHER_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 20.0
LINGER_SECONDS = 60.0
NICENESS = 5

_SETTINGS = {
    "DO_NOT_TRACK": "true",
    # MLflow discourages folders as stores; who names one in a task file wants one.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    # A repeated request would double what the first one did: retries are ours, they look first.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    # More than the slowest server that still answers: after a timeout everything is looked up.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Watch:
    """What is known of the study's process: alive, ended in order, or gone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ended_at: float | None = None

    def is_alive(self, parent: tuple[int, str]) -> bool:
        """Whether the process of the last start event runs."""
        return processes.is_alive(*parent)

    def has_ended(self) -> bool:
        """Whether the spool ends with an end event."""
        event = spool.last(self._path)
        ended = event is not None and event["type"] == "end"
        if not ended:
            self._ended_at = None
        elif self._ended_at is None:
            self._ended_at = time.monotonic()
        return ended

    def lingered(self) -> float:
        """Seconds since the end event was first seen."""
        return 0.0 if self._ended_at is None else time.monotonic() - self._ended_at


def run(study_dir: Path, on_ready: Callable[[], None] = lambda: None) -> Pump:
    """Replays a study until there is nothing left to wait for.

    Args:
        study_dir: Its folder, with a spool that has a start event.
        on_ready: Called when the store is open.

    Returns:
        What is to be closed before the process ends.
    """
    path = study_dir / spool.FILE
    pump = Pump(path, study_dir / state.FILE, user=_user(), on_ready=on_ready)
    _run(path, pump, Watch(path))
    return pump


def _run(path: Path, pump: Pump, watch: Watch) -> None:
    failures = 0
    while pump.is_current():
        failures = 0 if pump.run() else failures + 1
        has_ended = watch.has_ended()
        if not failures and pump.is_done():
            if has_ended:
                pump.finish()
                return
            if not watch.is_alive(pump.parent) and pump.is_done():
                pump.abandon()
                return
        if failures and _must_give_up(watch, pump, has_ended):
            return
        _wait(path, watch, pump, failures)


def _must_give_up(watch: Watch, pump: Pump, has_ended: bool) -> bool:
    if has_ended:
        return watch.lingered() > LINGER_SECONDS
    return not watch.is_alive(pump.parent)


def _wait(path: Path, watch: Watch, pump: Pump, failures: int) -> None:
    """Waits for events worth a pass, or for the next attempt after a failure."""
    backoff = min(MAX_BACKOFF_SECONDS, 0.5 * 2 ** min(failures, 10)) if failures else 0.0
    started = time.monotonic()
    had_ended = watch.has_ended()
    checked = started
    while True:
        time.sleep(POLL_SECONDS)
        now = time.monotonic()
        if not had_ended and watch.has_ended():
            return
        if failures:
            if now - started >= backoff:
                return
        elif _size(path) != pump.position and now - started >= GATHER_SECONDS:
            return
        if now - checked >= 1.0:
            checked = now
            if not watch.is_alive(pump.parent):
                return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def main(argv: list[str]) -> int:
    """Runs the process.

    Args:
        argv: Study folders, replayed one after the other.

    Returns:
        The exit code; 0 also when another tracker process has a study.
    """
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    os.environ.update(_SETTINGS)
    with ExitStack() as stack:
        for folder in map(Path, argv):
            lock = _lock(folder)
            if lock is None:
                continue
            if spool.last(folder / spool.FILE) is not None:
                # At the end only: MLflow keeps one pool of connections for all of them.
                stack.enter_context(closing(run(folder, _settle_down)))
            os.close(lock)
    return 0


def _settle_down() -> None:
    """Leaves the processors to the search, now that the run can be seen."""
    # What was imported stays: no collection need look at it again.
    gc.freeze()
    gc.enable()
    os.nice(max(0, NICENESS - os.nice(0)))


def _lock(study_dir: Path) -> int | None:
    for _ in range(10):
        # Whoever looks whether a tracker runs holds the lock for a moment.
        if (lock := processes.acquire(study_dir / processes.LOCK)) is not None:
            return lock
        time.sleep(POLL_SECONDS)
    return None


if __name__ == "__main__":
    gc.disable()  # until MLflow is imported and the store open: a quarter of their time
    sys.exit(main(sys.argv[1:]))
