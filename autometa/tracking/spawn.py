"""Starts tracker processes, not too often."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from autometa.errors import StorageError
from autometa.tracking import processes

LOG = "tracker.log"
MAX_LOG_BYTES = 1 << 20
MIN_RESPAWN_SECONDS = 2.0
MAX_RESPAWN_SECONDS = 60.0


class TrackerProcess:
    """Spawns the tracker process of a study, not too often."""

    def __init__(self, study_dir: Path) -> None:
        self._study_dir = study_dir
        self._pid: int | None = None
        self._n_in_vain = 0
        self._left_at = -1
        self._not_before = 0.0

    def is_running(self) -> bool:
        """Whether a tracker process has the study, whoever spawned it."""
        self.reap()
        return self._pid is not None or processes.is_locked(self._study_dir / processes.LOCK)

    def reap(self) -> None:
        """Takes note of the end of the process that was spawned here."""
        if self._pid is None:
            return
        try:
            pid, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pid = self._pid
        if pid:
            self._pid = None

    def ensure_running(self, left_at: Callable[[], int | None], *, is_last: bool = False) -> None:
        """Spawns a process when none runs; one that gets nowhere is followed ever more slowly.

        Args:
            left_at: Gives the byte of the spool at which it would begin, None if at none.
            is_last: Whether nobody will ask again; then it is not too early.
        """
        if self._pid is not None:
            self.reap()
        if self._pid is not None or (time.monotonic() < self._not_before and not is_last):
            return
        if self.is_running() or (left := left_at()) is None:
            return
        self._n_in_vain = self._n_in_vain + 1 if left == self._left_at else 0
        self._left_at = left
        self._pid = spawn([self._study_dir])
        wait = min(MAX_RESPAWN_SECONDS, MIN_RESPAWN_SECONDS * 2**self._n_in_vain)
        self._not_before = time.monotonic() + wait


def spawn(study_dirs: Sequence[Path]) -> int:
    """Starts a tracker process for some studies, one after the other, in a session of its own.

    Its output goes to the log in the folder of the first.

    Returns:
        Its process id.

    Raises:
        StorageError: If it cannot be started.
    """
    log = study_dirs[0] / LOG
    folders = [str(folder.absolute()) for folder in study_dirs]
    try:
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            os.truncate(log, 0)
        # Not `subprocess`: it warns of children that outlive it, and this one shall. `-P` keeps
        # the current folder out of the module path: it may hold a `types.py`.
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", "autometa.tracking.process", *folders],
            os.environ,
            file_actions=_streams(log),
            setsid=True,
            setsigmask=(),
        )
    except OSError as exc:
        raise StorageError(
            f"cannot start the tracker of {study_dirs[0]}: {exc.strerror}.",
            hint=f"Make {log} writable, then run the same command again.",
        ) from exc


def _streams(log: Path) -> list[tuple[Any, ...]]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
