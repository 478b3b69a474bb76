"""What has to be done before MLflow may open a store."""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from autometa.tracking.faults import StoreAwayError
from autometa.tracking.sqlitecheck import find_flaw
from autometa.tracking.uris import is_server, sqlite_path

_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def knock(uri: str) -> None:
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
