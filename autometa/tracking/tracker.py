"""The study's side of tracking: it writes events and sees to it that somebody replays them.

Nothing here waits for a store, and nothing here imports MLflow.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from autometa.errors import StorageError
from autometa.tracking import events, processes, spool, state
from autometa.tracking.events import ModelInfo, StudyInfo, Told
from autometa.tracking.uris import deep_link
from autometa.trial import Outcome, TrialResult

_log = logging.getLogger(__name__)

LOG = "tracker.log"
MAX_LOG_BYTES = 1 << 20
MIN_RESPAWN_SECONDS = 2.0
MAX_RESPAWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingStatus:
    """Where a study can be seen, and how much of it.

    Args:
        tracking_uri: Of the store; "" without tracking.
        experiment_id: None until the store answered once.
        run_id: Of the parent run; None until it exists.
        url: Opens the run: the server's own page, or what `autometa ui` shows.
        pending: Events that are not in the store yet.
        refused: Events that the store will never take.
        last_error: Why the replay does not go on, "" when it does.
        is_running: Whether a tracker process is at work.
    """

    tracking_uri: str = ""
    experiment_id: str | None = None
    run_id: str | None = None
    url: str = ""
    pending: int = 0
    refused: int = 0
    last_error: str = ""
    is_running: bool = False

    def to_json(self) -> dict[str, Any]:
        """Gives what ``optimize --json`` prints as ``mlflow``."""
        return {
            "tracking_uri": self.tracking_uri,
            "experiment_id": self.experiment_id,
            "run_id": self.run_id,
            "url": self.url,
        }


class StudyTracker(Protocol):
    """What a study tells about itself; `Tracker` and `NullTracker` are the two kinds."""

    def start(self, info: StudyInfo) -> None:
        """Tells that the study begins or goes on."""

    def trial(self, result: TrialResult, told: Told) -> None:
        """Tells of a finished trial; interrupted ones and ones told before are left out."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Tells of a file that the run's page shall show."""

    def model(self, info: ModelInfo) -> None:
        """Tells of the winner."""

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Tells that the study ends: FINISHED, KILLED or FAILED."""

    def ensure_running(self) -> None:
        """Sees to it that a tracker process runs while there is something to replay."""

    def status(self) -> TrackingStatus:
        """Gives how far the replay is."""
        ...

    def drain(self, timeout: float) -> TrackingStatus:
        """Waits at most `timeout` seconds until everything is in the store."""
        ...

    def reset(self) -> None:
        """Forgets all that was told, to tell it anew into a fresh run."""

    def close(self) -> None:
        """Closes the spool; the tracker process goes on alone."""


class NullTracker:
    """Is what ``tracking: none`` asks for."""

    def start(self, info: StudyInfo) -> None:
        """Does nothing."""

    def trial(self, result: TrialResult, told: Told) -> None:
        """Does nothing."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Does nothing."""

    def model(self, info: ModelInfo) -> None:
        """Does nothing."""

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """Does nothing."""

    def ensure_running(self) -> None:
        """Does nothing."""

    def status(self) -> TrackingStatus:
        """Gives an empty status."""
        return TrackingStatus()

    def drain(self, timeout: float) -> TrackingStatus:
        """Gives an empty status at once."""
        return self.status()

    def reset(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class Tracker:
    """Tells a study through its spool, and keeps a tracker process at work.

    Args:
        study_dir: Folder of the study; it takes ``spool.jsonl``, ``tracker.json``,
            ``tracker.lock`` and ``tracker.log``.
        tracking_uri: Where the runs go. See `uris.default_uris`.
        experiment: Name of the MLflow experiment.
        artifacts: Artifact location for a new experiment of a store that is no server; "" = its
            own choice.
        now_ms: Gives the Unix time in ms.

    Raises:
        StorageError: From each method that tells something, if the spool cannot be written.
    """

    def __init__(
        self,
        study_dir: Path,
        tracking_uri: str,
        *,
        experiment: str = "autometa",
        artifacts: str = "",
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.study_dir = study_dir
        self.tracking_uri = tracking_uri
        self._experiment = experiment
        self._artifacts = artifacts
        self._now_ms = now_ms
        self._spool = spool.Spool(study_dir / spool.FILE)
        self._study = ""
        self._process = _TrackerProcess(study_dir)
        self._uid = ""
        self._replaces: list[str] = []
        self._told: set[int] = set()
        self._n_events = 0
        for event in spool.read_all(self._spool.path):
            self._remember(event)

    def _remember(self, event: spool.Event) -> None:
        self._n_events += 1
        if event["type"] == "start":
            self._uid = event["uid"]
            self._study = event["tags"].get("autometa.study", "")
            self._replaces = list(event.get("replaces") or ())
        elif event["type"] == "trial":
            self._told.add(event["number"])

    @property
    def told(self) -> frozenset[int]:
        """Numbers of the trials that are in the spool."""
        return frozenset(self._told)

    def _append(self, event: spool.Event) -> None:
        self._spool.append(event)
        self._remember(event)

    def start(self, info: StudyInfo) -> None:
        """See `StudyTracker`."""
        where = {
            "uid": self._uid or uuid.uuid4().hex,
            "tracking_uri": self.tracking_uri,
            "experiment": self._experiment,
            "artifacts": self._artifacts,
            "pid": os.getpid(),
            "pid_start": processes.started_at(os.getpid()),
            "replaces": self._replaces,
        }
        self._append(events.start(info, where, self._now_ms()))
        self.ensure_running()

    def trial(self, result: TrialResult, told: Told) -> None:
        """See `StudyTracker`."""
        if result.outcome is Outcome.INTERRUPTED or result.number in self._told:
            return
        self._append(events.trial(self._study, result, told))

    def artifact(self, path: Path, folder: str = "") -> None:
        """See `StudyTracker`."""
        self._append(events.artifact(path, folder))

    def model(self, info: ModelInfo) -> None:
        """See `StudyTracker`."""
        self._append(events.model(info))

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> None:
        """See `StudyTracker`."""
        self._append(events.end(status, metrics or {}, tags or {}, self._now_ms()))

    def ensure_running(self) -> None:
        """See `StudyTracker`. Cheap: to be called after every trial."""
        self._process.ensure_running(self._left_at)

    def _state(self) -> state.ReplayState | None:
        found = state.load(self.study_dir / state.FILE)
        same = found and (found.tracking_uri, found.uid) == (self.tracking_uri, self._uid)
        return found if same else None

    def _left_at(self) -> int | None:
        """Gives the byte at which the replay stands; None when there is nothing to replay."""
        if not self._n_events:
            return None
        found = self._state() or state.ReplayState()
        is_behind = found.offset < self._spool.path.stat().st_size or not found.closed
        return found.offset if is_behind else None

    def status(self) -> TrackingStatus:
        """See `StudyTracker`."""
        found = self._state() or state.ReplayState()
        return TrackingStatus(
            tracking_uri=self.tracking_uri,
            experiment_id=found.experiment_id,
            run_id=found.run_id,
            url=deep_link(self.tracking_uri, found.experiment_id, found.run_id),
            pending=max(0, self._n_events - found.replayed),
            refused=found.refused,
            last_error=found.last_error,
            is_running=self._process.is_running(),
        )

    def drain(self, timeout: float) -> TrackingStatus:
        """See `StudyTracker`."""
        deadline = time.monotonic() + timeout
        status = self.status()
        while status.pending and time.monotonic() < deadline:
            self.ensure_running()
            time.sleep(min(0.05, max(0.0, deadline - time.monotonic())))
            status = self.status()
        return status

    def reset(self) -> None:
        """See `StudyTracker`. The runs told so far are deleted once the fresh one exists."""
        if self._uid:
            self._replaces = [*self._replaces, self._uid]
        self._spool.clear()
        self._uid = ""
        self._told = set()
        self._n_events = 0

    def close(self) -> None:
        """See `StudyTracker`."""
        self._spool.close()
        self._process.reap()


class _TrackerProcess:
    """Spawns the tracker process of a study, not too often."""

    def __init__(self, study_dir: Path) -> None:
        self._study_dir = study_dir
        self._pid: int | None = None
        self._n_in_vain = 0
        self._left_at = -1
        self._not_before = 0.0

    def is_running(self) -> bool:
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

    def ensure_running(self, left_at: Callable[[], int | None]) -> None:
        """Spawns a process when none runs; one that gets nowhere is followed ever more slowly.

        Args:
            left_at: Gives the byte of the spool at which it would begin, None if at none.
        """
        if self._pid is not None:
            self.reap()
        if self._pid is not None or time.monotonic() < self._not_before:
            return
        if self.is_running() or (left := left_at()) is None:
            return
        self._n_in_vain = self._n_in_vain + 1 if left == self._left_at else 0
        self._left_at = left
        self._spawn()
        wait = min(MAX_RESPAWN_SECONDS, MIN_RESPAWN_SECONDS * 2**self._n_in_vain)
        self._not_before = time.monotonic() + wait

    def _spawn(self) -> None:
        log = self._study_dir / LOG
        try:
            if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
                os.truncate(log, 0)
            # Not `subprocess`: it warns of children that outlive it, and this one shall. `-P`
            # keeps the current folder out of the module path: it may hold a `types.py`.
            self._pid = os.posix_spawn(
                sys.executable,
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "autometa.tracking.process",
                    str(self._study_dir.absolute()),
                ],
                os.environ,
                file_actions=_streams(log),
                setsid=True,
                setsigmask=(),
            )
        except OSError as exc:
            raise StorageError(
                f"cannot start the tracker of {self._study_dir}: {exc.strerror}.",
                hint=f"Make {log} writable, then run the same command again.",
            ) from exc


def _streams(log: Path) -> list[tuple[Any, ...]]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
