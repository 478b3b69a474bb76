"""The store behind a tracking URI, reduced to what a replay needs. Imports MLflow.

A whole trial is three requests: `create_run` takes its tags and times, `log_batch` its params and
metrics, `set_terminated` its end.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from sqlalchemy import event
from sqlalchemy.engine import Engine

from autometa.tracking.answers import translated
from autometa.tracking.faults import EventRefusedError, RunMissingError, StoreAwayError
from autometa.tracking.opening import knock, one_at_a_time
from autometa.tracking.uris import is_server

MAX_DIGEST = 36
PAUSES = (0.1, 0.3, 0.9)
QUICK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a metric's curve."""

    key: str
    value: float
    step: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run that a search found."""

    run_id: str
    is_running: bool
    started_ms: int
    tags: Mapping[str, str]


class MlflowStore:
    """An open store.

    Args:
        uri: Tracking URI.
        artifacts: Artifact location of experiments it makes, or "" for the store's own choice.

    Raises:
        StoreAwayError: If it cannot be reached.
    """

    def __init__(self, uri: str, artifacts: str = "") -> None:
        self.uri = uri
        # A server knows better where its artifacts go.
        self.artifacts = None if is_server(uri) or not artifacts else artifacts
        self._connections: list[sqlite3.Connection] = []
        try:
            with translated(), one_at_a_time(uri):
                knock(uri, self.artifacts)
                event.listen(Engine, "connect", self._relax)
                self.client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)
        except EventRefusedError as exc:
            raise StoreAwayError(str(exc)) from exc

    def _relax(self, connection: Any, record: Any) -> None:
        """Syncs at checkpoints only: with a write-ahead log a power cut then spoils nothing."""
        if not isinstance(connection, sqlite3.Connection):
            return
        self._connections.append(connection)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            connection.execute("PRAGMA synchronous = NORMAL")

    def ask(self, name: str, *args: Any, **options: Any) -> Any:
        """Makes a request of MLflow's client that may be made twice.

        A server that is busy for a moment is asked again; one that takes long to refuse is not.

        Raises:
            StoreAwayError: If it has no answer.
            EventRefusedError: If the answer is no.
        """
        for pause in (*PAUSES, None):
            began = time.monotonic()
            try:
                with translated():
                    return getattr(self.client, name)(*args, **options)
            except StoreAwayError:
                if pause is None or time.monotonic() - began > QUICK_SECONDS:
                    raise
            time.sleep(pause)
        raise AssertionError("unreachable: the last attempt answers or raises")

    def close(self) -> None:
        """Closes what is open of a SQLite store, whose log then goes into the database itself."""
        for connection in self._connections:
            connection.close()

    def experiment(self, name: str) -> str:
        """Gives the id of an experiment, made when it is missing, restored when it was deleted."""
        found = self.ask("get_experiment_by_name", name)
        if found is None:
            # Another study may make it between the question and the answer.
            with suppress(EventRefusedError):
                self.ask("create_experiment", name, artifact_location=self.artifacts)
            found = self.ask("get_experiment_by_name", name)
        if found is None:
            raise StoreAwayError(f"{self.uri} does not take the experiment {name!r}.")
        if found.lifecycle_stage == "deleted":
            self.ask("restore_experiment", found.experiment_id)
        return str(found.experiment_id)

    def is_answering(self) -> bool:
        """Whether the store answers a harmless question."""
        try:
            self.ask("search_experiments", max_results=1)
        except (StoreAwayError, EventRefusedError):
            return False
        return True

    def find(self, experiment_id: str, tags: Mapping[str, str]) -> list[FoundRun]:
        """Finds the runs that are not deleted and have all these tags, oldest first."""
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs: list[FoundRun] = []
        token = None
        while True:
            page = self.ask("search_runs", [experiment_id], wanted, page_token=token)
            runs += [_found(run) for run in page]
            if not (token := page.token):
                return sorted(runs, key=lambda run: (run.started_ms, run.run_id))

    def exists(self, run_id: str) -> bool:
        """Whether there is such a run, deleted or not."""
        try:
            self.ask("get_run", run_id)
        except RunMissingError:
            return False
        return True

    def create(self, experiment_id: str, name: str, tags: Mapping[str, str], start_ms: int) -> str:
        """Creates a run and gives its id; asked once, since twice would make two."""
        with translated():
            run = self.client.create_run(
                experiment_id, start_time=start_ms, tags=dict(tags), run_name=name
            )
            return str(run.info.run_id)

    def log(
        self,
        run_id: str,
        points: Sequence[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Logs metrics, params and tags in one request."""
        self.ask(
            "log_batch",
            run_id,
            [Metric(p.key, p.value, p.time_ms, p.step) for p in points],
            [Param(key, value) for key, value in (params or {}).items()],
            [RunTag(key, value) for key, value in (tags or {}).items()],
        )

    def lacking(
        self, run_id: str, points: Sequence[Point], params: Mapping[str, str]
    ) -> tuple[list[Point], dict[str, str]]:
        """Gives the points and params that a run has not.

        Not every store drops a point that is sent twice, and none takes a param that changed.
        """
        data = self.ask("get_run", run_id).data
        known = {
            (metric.key, metric.step, metric.timestamp)
            for key in data.metrics.keys() & {point.key for point in points}
            for metric in self.ask("get_metric_history", run_id, key)
        }
        return (
            [p for p in points if (p.key, p.step, p.time_ms) not in known],
            {key: value for key, value in params.items() if key not in data.params},
        )

    def terminate(self, run_id: str, status: str, end_ms: int) -> None:
        """Ends a run as FINISHED, FAILED or KILLED."""
        self.ask("set_terminated", run_id, status, end_ms)

    def reopen(self, run_id: str) -> None:
        """Shows a run as running again."""
        self.ask("update_run", run_id, status="RUNNING")

    def delete(self, run_id: str) -> None:
        """Deletes a run, as the page's own button does."""
        self.ask("delete_run", run_id)

    def log_dataset(self, run_id: str, dataset: Mapping[str, Any]) -> None:
        """Names the data of a run; naming it again changes nothing."""
        profile = f'{{"num_rows": {dataset["n_rows"]}, "num_features": {dataset["n_features"]}}}'
        entity = Dataset(
            name=str(dataset["name"])[:500] or "data",
            digest=str(dataset["digest"])[:MAX_DIGEST],
            source_type="local",
            source=str(dataset["source"])[:65535],
            profile=profile,
        )
        tags = [InputTag("mlflow.data.context", "training")]
        if dataset["target"]:
            tags.append(InputTag("autometa.target", str(dataset["target"])[:500]))
        self.ask("log_inputs", run_id, [DatasetInput(entity, tags)])

    def log_artifact(self, run_id: str, path: str, folder: str) -> None:
        """Copies a file or a folder to a run's artifacts; what is there is replaced.

        Raises:
            EventRefusedError: If there is no such file.
        """
        if not Path(path).exists():
            raise EventRefusedError(f"there is no file {path}")
        request = "log_artifacts" if Path(path).is_dir() else "log_artifact"
        self.ask(request, run_id, path, folder or None)


def _found(run: Any) -> FoundRun:
    info = run.info
    return FoundRun(info.run_id, info.status == "RUNNING", info.start_time or 0, run.data.tags)
