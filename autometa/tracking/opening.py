"""What has to be done before MLflow may open a store."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from autometa.tracking.faults import StoreAwayError
from autometa.tracking.sqlitecheck import find_flaw
from autometa.tracking.uris import is_server, sqlite_path

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def knock(uri: str, artifacts: str | None = None) -> None:
    """Fails at once where MLflow would try to reach a database for 100 seconds.

    Args:
        uri: Tracking URI.
        artifacts: Artifact location of a store that has to be made.
    """
    path = sqlite_path(uri)
    if path is not None:
        if flaw := find_flaw(uri):
            raise StoreAwayError(f"{path} {flaw.cause}.", hint=flaw.hint)
        _open_sqlite(path, artifacts)
        return
    parts = urlsplit(uri)
    port = parts.port or _PORTS.get(parts.scheme.split("+")[0])
    if port and parts.hostname and not is_server(uri):
        socket.create_connection((parts.hostname, port), timeout=10).close()


def _open_sqlite(path: Path, artifacts: str | None) -> None:
    """Makes sure that the file can be written; a new one is made first."""
    if not path.exists() or not path.stat().st_size:
        _make_sqlite(path, artifacts or (path.parent / "mlartifacts").absolute().as_uri())
    with closing(sqlite3.connect(path, timeout=20)) as database:
        database.execute("PRAGMA journal_mode")


def _make_sqlite(path: Path, artifacts: str) -> None:
    """Makes the tables of a new store aside, and puts it in its place as a whole.

    MLflow runs some fifty migrations, which takes most of a second, and refuses for ever what one
    that was killed meanwhile has left. The file gets a write-ahead log: with it a trial costs 14
    instead of 22 ms CPU, and who reads the page holds nobody up.
    """
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    for left in path.parent.glob(f".{path.name}.*.new*"):
        left.unlink(missing_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    with closing(sqlite3.connect(new)) as database:  # says in sqlite3's words why it cannot
        database.execute("PRAGMA user_version = 0")
    engine = create_sqlalchemy_engine(f"sqlite:///{new}")
    event.listen(engine, "connect", _hurry)
    try:
        _initialize_tables(engine)
        with Session(engine) as session, session.begin():
            session.add(_first_experiment(f"{artifacts}/0"))
    finally:
        engine.dispose()
    with closing(sqlite3.connect(new)) as database:
        database.execute("PRAGMA journal_mode = WAL")
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(path)


def _first_experiment(location: str) -> Any:
    """Gives the experiment that MLflow wants in each store.

    MLflow's own begins where the process happens to stand, and writes that path into its SQL as it
    is: a quote in it (``it's/``) breaks the statement, and the store can never be opened.
    """
    from mlflow.store.tracking.dbmodels.models import SqlExperiment

    return SqlExperiment(experiment_id=0, name="Default", artifact_location=location)


def _hurry(connection: sqlite3.Connection, _record: object) -> None:
    """Waits for the disk once, at the end: what is made aside may be lost."""
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")


@contextmanager
def one_at_a_time(uri: str) -> Iterator[None]:
    """Lets one process at a time open a SQLite store: MLflow makes its tables without a lock."""
    path = sqlite_path(uri)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks, such as some NFS
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
