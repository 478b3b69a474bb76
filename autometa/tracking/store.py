"""The store behind a tracking URI, reduced to what a replay needs. Imports MLflow.

A whole trial is three requests: `create_run` takes its tags and times, `log_batch` its params and
metrics, `set_terminated` its end.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from autometa.tracking.faults import EventRefusedError, RunMissingError, StoreAwayError
from autometa.tracking.sqlitecheck import find_flaw
from autometa.tracking.uris import is_server, sqlite_path

# 401, 403 and 407 mean this user now, not this event; 408, 425 and 429 say "later".
_LATER = {401, 403, 407, 408, 425, 429}
_MISSING = "RESOURCE_DOES_NOT_EXIST"
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
MAX_DIGEST = 36


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


@contextmanager
def translated() -> Iterator[None]:
    """Turns what MLflow and its stores raise into the two answers that a replay knows."""
    try:
        yield
    except MlflowException as exc:
        raise _classified(exc) from exc
    except (SQLAlchemyError, sqlite3.Error, OSError) as exc:
        raise StoreAwayError(_first_line(exc)) from exc


def _classified(exc: MlflowException) -> StoreAwayError | EventRefusedError:
    cause = exc.__cause__
    is_database = isinstance(cause, SQLAlchemyError)
    if is_database and not isinstance(cause, DataError | IntegrityError):
        return StoreAwayError(_first_line(exc))
    status = exc.get_http_status_code()
    if status >= 500 or status in _LATER:
        return StoreAwayError(_first_line(exc))
    if exc.error_code == _MISSING:
        return RunMissingError(_first_line(exc))
    return EventRefusedError(_first_line(exc))


def _first_line(exc: BaseException) -> str:
    lines = str(exc).strip().splitlines()
    return (lines[0] if lines else type(exc).__name__)[:500]


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
        with translated(), _one_at_a_time(uri):
            _knock(uri)
            event.listen(Engine, "connect", self._relax)
            self.client: Any = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def _relax(self, connection: Any, record: Any) -> None:
        """Syncs at checkpoints only: with a write-ahead log a power cut then spoils nothing."""
        if not isinstance(connection, sqlite3.Connection):
            return
        self._connections.append(connection)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode == "wal":
            connection.execute("PRAGMA synchronous = NORMAL")

    def close(self) -> None:
        """Closes what is open of a SQLite store, whose log then goes into the database itself."""
        for connection in self._connections:
            connection.close()

    def experiment(self, name: str) -> str:
        """Gives the id of an experiment, made when it is missing, restored when it was deleted."""
        with translated():
            found = self.client.get_experiment_by_name(name)
            if found is None:
                found = self._new_experiment(name)
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)

    def _new_experiment(self, name: str) -> Any:
        try:
            self.client.create_experiment(name, artifact_location=self.artifacts)
        except MlflowException as exc:
            # Another study made it between the question and the answer.
            if exc.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        return self.client.get_experiment_by_name(name)

    def is_answering(self) -> bool:
        """Whether the store answers a harmless question."""
        try:
            with translated():
                self.client.search_experiments(max_results=1)
        except (StoreAwayError, EventRefusedError):
            return False
        return True

    def find(self, experiment_id: str, tags: Mapping[str, str]) -> list[FoundRun]:
        """Finds the runs that are not deleted and have all these tags, oldest first."""
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        with translated():
            runs: list[FoundRun] = []
            token = None
            while True:
                page = self.client.search_runs([experiment_id], wanted, page_token=token)
                runs += [_found(run) for run in page]
                if not (token := page.token):
                    return sorted(runs, key=lambda run: (run.started_ms, run.run_id))

    def exists(self, run_id: str) -> bool:
        """Whether there is such a run, deleted or not."""
        try:
            with translated():
                self.client.get_run(run_id)
        except RunMissingError:
            return False
        return True

    def create(self, experiment_id: str, name: str, tags: Mapping[str, str], start_ms: int) -> str:
        """Creates a run and gives its id."""
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
        with translated():
            self.client.log_batch(
                run_id,
                [Metric(p.key, p.value, p.time_ms, p.step) for p in points],
                [Param(key, value) for key, value in (params or {}).items()],
                [RunTag(key, value) for key, value in (tags or {}).items()],
            )

    def missing_points(self, run_id: str, points: Sequence[Point]) -> list[Point]:
        """Gives the points that the run has not: not every store drops a point sent twice."""
        with translated():
            known = {
                (metric.key, metric.step, metric.timestamp)
                for key in {point.key for point in points}
                for metric in self.client.get_metric_history(run_id, key)
            }
        return [p for p in points if (p.key, p.step, p.time_ms) not in known]

    def missing_params(self, run_id: str, params: Mapping[str, str]) -> dict[str, str]:
        """Gives the params that the run has not: one that is there must not change."""
        with translated():
            known = self.client.get_run(run_id).data.params
        return {key: value for key, value in params.items() if key not in known}

    def terminate(self, run_id: str, status: str, end_ms: int) -> None:
        """Ends a run as FINISHED, FAILED or KILLED."""
        with translated():
            self.client.set_terminated(run_id, status, end_ms)

    def reopen(self, run_id: str) -> None:
        """Shows a run as running again."""
        with translated():
            self.client.update_run(run_id, status="RUNNING")

    def delete(self, run_id: str) -> None:
        """Deletes a run, as the page's own button does."""
        with translated():
            self.client.delete_run(run_id)

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
        with translated():
            self.client.log_inputs(run_id, [DatasetInput(entity, tags)])

    def log_artifact(self, run_id: str, path: str, folder: str) -> None:
        """Copies a file or a folder to a run's artifacts; what is there is replaced.

        Raises:
            EventRefusedError: If there is no such file.
        """
        if not Path(path).exists():
            raise EventRefusedError(f"there is no file {path}")
        log = self.client.log_artifacts if Path(path).is_dir() else self.client.log_artifact
        with translated():
            log(run_id, path, folder or None)


def _found(run: Any) -> FoundRun:
    info = run.info
    return FoundRun(info.run_id, info.status == "RUNNING", info.start_time or 0, run.data.tags)


def _knock(uri: str) -> None:
    """Fails at once where MLflow would try to reach a database for 100 seconds."""
    path = sqlite_path(uri)
    if path is not None:
        if flaw := find_flaw(uri):
            raise StoreAwayError(f"{path} {flaw.cause}.", hint=flaw.hint)
        _open_sqlite(path)
        return
    parts = urlsplit(uri)
    port = parts.port or _PORTS.get(parts.scheme.split("+")[0])
    if port and parts.hostname and not is_server(uri):
        socket.create_connection((parts.hostname, port), timeout=10).close()


def _open_sqlite(path: Path) -> None:
    """Makes sure that the file can be written, and that a new one has a write-ahead log.

    With it a trial costs 14 instead of 22 ms CPU, and who reads the page holds nobody up.
    """
    is_new = not path.exists() or not path.stat().st_size
    with closing(sqlite3.connect(path, timeout=20)) as database:
        database.execute("PRAGMA journal_mode = WAL" if is_new else "PRAGMA journal_mode")


@contextmanager
def _one_at_a_time(uri: str) -> Iterator[None]:
    """Lets one process at a time open a SQLite store: MLflow makes its tables without a lock."""
    path = sqlite_path(uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
