"""The study's side of tracking: it writes events and sees to it that somebody replays them.

Nothing here waits for a store, and nothing here imports MLflow.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

from autometa.tracking import events, processes, spool, state
from autometa.tracking.curve import BestCurve
from autometa.tracking.events import ModelInfo, StudyInfo, Told
from autometa.tracking.interface import NullTracker, StudyTracker, TrackingStatus
from autometa.tracking.rebuild import replay_again
from autometa.tracking.reference import Registration
from autometa.tracking.spawn import TrackerProcess
from autometa.tracking.sqlitecheck import check_store, set_aside
from autometa.tracking.uris import deep_link
from autometa.trial import Outcome, TrialResult

__all__ = ["NullTracker", "StudyTracker", "Tracker", "TrackingStatus"]


class Tracker:
    """Tells a study through its spool, and keeps a tracker process at work.

    Args:
        study_dir: Folder of the study; it takes ``spool.jsonl``, ``tracker.json``,
            ``tracker.lock`` and ``tracker.log``.
        tracking_uri: Where the runs go. See `uris.default_uris`.
        experiment: Name of the MLflow experiment.
        artifacts: Artifact location for a new experiment of a store that is no server; "" = its
            own choice.
        registration: Under which name the winner of a finished study is registered; None = none.
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
        registration: Registration | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.study_dir = study_dir
        self.tracking_uri = tracking_uri
        self._experiment = experiment
        self._artifacts = artifacts
        self._registration = registration
        self._model: spool.Event | None = None
        self._now_ms = now_ms
        self._spool = spool.Spool(study_dir / spool.FILE)
        self._study = ""
        self._process = TrackerProcess(study_dir)
        self._uid = ""
        self._replaces: list[str] = []
        self._told: set[int] = set()
        self._curve = BestCurve()
        self._n_events = 0
        for event in spool.read_all(self._spool.path):
            self._remember(event)
            if event["type"] == "trial":
                self._curve.place(event["number"], event.get("best"))

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
        """See `StudyTracker`.

        Raises:
            StorageError: Also if a SQLite store is corrupt or of another schema.
        """
        check_store(self.tracking_uri)
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
        shown = self._curve.place(result.number, told.best_so_far)
        self._append(events.trial(self._study, result, told, shown))

    def artifact(self, path: Path, folder: str = "") -> None:
        """See `StudyTracker`."""
        self._append(events.artifact(path, folder))

    def model(self, info: ModelInfo) -> None:
        """See `StudyTracker`."""
        self._model = events.model(info)
        self._append(self._model)

    def finish(
        self,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        tags: Mapping[str, object] | None = None,
        *,
        summary: str = "",
    ) -> None:
        """See `StudyTracker`."""
        wanted = self._registration
        if wanted is not None and self._model is not None and status == "FINISHED":
            self._append(events.register(self._model, wanted.name, wanted.alias, summary))
        best = self._curve.end()
        self._append(events.end(status, metrics or {}, tags or {}, self._now_ms(), best=best))

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
        """See `StudyTracker`. The runs told so far are deleted once the fresh one exists.

        A SQLite store that cannot be used is moved aside; other studies of this workspace that
        were shown in it are then replayed too, in the background.
        """
        if set_aside(self.tracking_uri) is not None:
            neighbours = sorted(self.study_dir.parent.iterdir())
            replay_again(
                [folder for folder in neighbours if folder != self.study_dir], self.tracking_uri
            )
        if self._uid:
            self._replaces = [*self._replaces, self._uid]
        self._spool.clear()
        self._uid = ""
        self._told = set()
        self._curve = BestCurve()
        self._n_events = 0

    def close(self) -> None:
        """See `StudyTracker`. What is left is replayed by a process that outlives this one."""
        self._process.ensure_running(self._left_at, is_last=True)
        self._spool.close()
        self._process.reap()
