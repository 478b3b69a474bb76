"""Brings events into a store, each with the effect of exactly one time.

An event is *certain* when it is known that nothing of it is in the store; then it is written
without a question. After a crash, a lost answer or a failed attempt it is not certain: then what is
there is looked up first, and only the rest is written.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from autometa.tracking.faults import EventRefusedError, RunMissingError
from autometa.tracking.spool import Event
from autometa.tracking.store import FoundRun, MlflowStore, Point

_log = logging.getLogger(__name__)

PARENT_TAG = "mlflow.parentRunId"
UID_TAG = "autometa.uid"
TRIAL_TAG = "autometa.trial"
ERROR_TAG = "autometa.tracking_error"


class LogModel(Protocol):
    """How a winner is logged: `winner.log_model`, imported only when there is one."""

    def __call__(
        self,
        store: MlflowStore,
        experiment_id: str,
        run_id: str,
        event: Mapping[str, Any],
        digest: str,
    ) -> str:
        """Logs the model and gives its id."""
        ...


class Replayer:
    """Writes the events of one study.

    Args:
        store: Where to.
        experiment_id: Known or None.
        run_id: Of the parent run, if it exists.
        user: Shown as the runs' user.
        log_model: See `LogModel`.
    """

    def __init__(
        self,
        store: MlflowStore,
        *,
        experiment_id: str | None,
        run_id: str | None,
        user: str,
        log_model: LogModel,
    ) -> None:
        self.store = store
        self.experiment_id = experiment_id
        self.run_id = run_id
        self.is_new = False
        """Whether the parent run was made here, so that nothing of the study was there before."""
        self._user = user
        self._log_model = log_model

    def apply(self, event: Event, *, is_certain: bool) -> None:
        """Replays any event but a trial's curves.

        Raises:
            StoreAwayError: If it has to be tried again, not certain.
            EventRefusedError: If the store will never take it.
        """
        match event["type"]:
            case "start":
                self._start(event)
            case "trial":
                self._trial(event, is_certain)
            case "artifact":
                self.store.log_artifact(self._parent(), event["path"], event["folder"])
            case "model":
                self._model(event)
            case "register":
                self._register(event)
            case "end":
                self._end(event, is_certain)
            case other:
                raise EventRefusedError(f"this version knows no event {other!r}")

    def curves(self, trials: Sequence[Event], *, is_certain: bool) -> None:
        """Logs the parent's curves for several trials in one request."""
        points = [
            Point(key, value, trial["number"], trial["end_ms"])
            for trial in trials
            for key, value in trial["curves"].items()
        ]
        self._log(self._parent(), points, {}, {}, is_certain)

    def close(self, status: str, time_ms: int) -> None:
        """Ends the parent run of a study whose process is gone."""
        self.store.terminate(self._parent(), status, time_ms)

    def settle(self) -> None:
        """Deletes runs that were made twice because the answer to the first request was lost."""
        seen: set[str] = set()
        found = self.store.find(self._experiment(), {PARENT_TAG: self._parent()})
        for run in sorted(found, key=lambda run: run.is_running):
            number = run.tags.get(TRIAL_TAG, run.run_id)
            if number in seen:
                self.store.delete(run.run_id)
            seen.add(number)

    def _parent(self) -> str:
        if self.run_id is None:
            raise RunMissingError("the study has no run in this store")
        return self.run_id

    def _experiment(self) -> str:
        if self.experiment_id is None:
            raise RunMissingError("the study has no experiment in this store")
        return self.experiment_id

    def _start(self, event: Event) -> None:
        experiment_id = self.experiment_id = self.store.experiment(event["experiment"])
        tags = {**self._common(), **event["tags"]}
        if self.run_id is None:
            parents = self.store.find(experiment_id, {UID_TAG: event["uid"]})
            self.run_id = parents[0].run_id if parents else None
        if self.run_id is None:
            self.run_id = self.store.create(
                experiment_id, event["run_name"], tags, event["time_ms"]
            )
            self.is_new = True
            self._log(self.run_id, (), event["params"], {}, is_certain=True)
        else:
            self._log(self.run_id, (), event["params"], tags, is_certain=False)
            self.store.reopen(self.run_id)
        if event["dataset"]:
            self.store.log_dataset(self.run_id, event["dataset"])
        for uid in event.get("replaces") or ():
            self._delete_study(uid)

    def _delete_study(self, uid: str) -> None:
        """Deletes the runs that this replay makes anew."""
        for parent in self.store.find(self._experiment(), {UID_TAG: uid}):
            for child in self.store.find(self._experiment(), {PARENT_TAG: parent.run_id}):
                self.store.delete(child.run_id)
            self.store.delete(parent.run_id)

    def _trial(self, event: Event, is_certain: bool) -> None:
        child = None if is_certain else self._child(event["number"])
        if child is not None and not child.is_running:
            return
        run_id = child.run_id if child else self._create_child(event)
        points = [
            Point(key, value, event["number"], event["end_ms"])
            for key, value in event["metrics"].items()
        ]
        points += [
            Point("fold_score", score[0], step, event["end_ms"])
            for step, score in enumerate(event["folds"])
            if score
        ]
        try:
            self._log(run_id, points, event["params"], {}, child is None)
        except EventRefusedError as exc:
            # The run is there: it says what it lacks, and it ends.
            _log.warning("trial %s is shown without its numbers: %s", event["number"], exc)
            self.store.log(run_id, tags={ERROR_TAG: str(exc)[:4000]})
        self.store.terminate(run_id, event["status"], event["end_ms"])

    def _create_child(self, event: Event) -> str:
        tags = {**self._common(), **event["tags"], PARENT_TAG: self._parent()}
        return self.store.create(self._experiment(), event["name"], tags, event["start_ms"])

    def _child(self, number: int) -> FoundRun | None:
        tags = {PARENT_TAG: self._parent(), TRIAL_TAG: str(number)}
        found = self.store.find(self._experiment(), tags)
        if not found:
            return None
        keep = next((run for run in found if not run.is_running), found[0])
        for run in found:
            if run is not keep:
                self.store.delete(run.run_id)
        return keep

    def _model(self, event: Event) -> tuple[str, str]:
        """Logs a winner; gives the id of the logged model and the digest of its event."""
        digest = hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()[:16]
        found = self._log_model(self.store, self._experiment(), self._parent(), event, digest)
        return found, digest

    def _register(self, event: Event) -> None:
        from autometa.tracking.registry import register  # loads much of MLflow

        model_id, digest = self._model(event["model"])
        register(self.store, model_id, self._parent(), event, digest)

    def _end(self, event: Event, is_certain: bool) -> None:
        points = [Point(key, value, 0, event["time_ms"]) for key, value in event["metrics"].items()]
        if event["best"]:
            step, best = event["best"]
            points.append(Point("best_so_far", best, step, event["time_ms"]))
        self._log(self._parent(), points, {}, event["tags"], is_certain)
        self.store.terminate(self._parent(), event["status"], event["time_ms"])

    def _log(
        self,
        run_id: str,
        points: Sequence[Point],
        params: Mapping[str, str],
        tags: Mapping[str, str],
        is_certain: bool,
    ) -> None:
        if not is_certain and (points or params):
            points, params = self.store.lacking(run_id, points, params)
        if points or params or tags:
            self.store.log(run_id, points, params, tags)

    def _common(self) -> dict[str, str]:
        return {
            "mlflow.user": self._user,
            "mlflow.source.name": "autometa",
            "mlflow.source.type": "LOCAL",
        }
