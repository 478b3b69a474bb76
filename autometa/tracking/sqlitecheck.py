"""Whether a SQLite store can be used, found out without MLflow and before anything is lost."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from autometa.errors import StorageError
from autometa.tracking.uris import sqlite_path

# A full check reads every page: 60 ms for 64 MiB from the page cache.
QUICK_CHECK_BYTES = 64 << 20
_MAGIC = b"SQLite format 3\0"
_REBUILD = "Run the same command with --rebuild-tracking: it is derived from the studies anew."
_UPGRADE = "Run `mlflow db upgrade {uri}`, or the same command with --rebuild-tracking."
_REVISION = re.compile(r"^(down_)?revision\s*(?::[^=]+)?=\s*[\"'](\w+)[\"']", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why a store cannot be used, and what to do."""

    cause: str
    hint: str


def check_store(uri: str) -> None:
    """Refuses a SQLite store that is corrupt or of another schema; any other URI passes.

    Raises:
        StorageError: If the file cannot be used; the hint names ``--rebuild-tracking``.
    """
    if flaw := find_flaw(uri):
        raise StorageError(f"the tracking store {sqlite_path(uri)} {flaw.cause}.", hint=flaw.hint)


def find_flaw(uri: str) -> Flaw | None:
    """Gives what is wrong with a SQLite store; None when it is usable, new or no SQLite."""
    path = sqlite_path(uri)
    try:
        if path is None or not path.exists() or not path.stat().st_size:
            return None
        with path.open("rb") as file:
            if file.read(16) != _MAGIC:
                return Flaw("is not a SQLite database", _REBUILD)
    except OSError as exc:
        return Flaw(f"cannot be read: {exc.strerror}", "Make it readable and writable.")
    return _look_inside(path, uri)


def _look_inside(path: Path, uri: str) -> Flaw | None:
    try:
        with closing(sqlite3.connect(path, timeout=5)) as database:
            if path.stat().st_size <= QUICK_CHECK_BYTES:
                (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
                if answer != "ok":
                    return Flaw(f"is corrupt ({answer})", _REBUILD)
            return _schema_flaw(_revision_of(database), uri)
    except sqlite3.OperationalError as exc:
        # Somebody writes just now: then it works.
        return None if "locked" in str(exc) else Flaw(f"cannot be opened: {exc}", _REBUILD)
    except sqlite3.DatabaseError as exc:
        return Flaw(f"is corrupt ({exc})", _REBUILD)


def _revision_of(database: sqlite3.Connection) -> str | None:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    if not database.execute(query).fetchone():
        return None
    row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else None


def _schema_flaw(revision: str | None, uri: str) -> Flaw | None:
    if revision is None:
        return None
    known, head = _revisions()
    if not known or revision == head:
        return None
    if revision not in known:
        return Flaw(
            f"was written by a newer MLflow (schema {revision}, this one ends at {head})",
            f"Upgrade mlflow, or: {_REBUILD}",
        )
    return Flaw(
        f"was written by an older MLflow (schema {revision}, this one needs {head})",
        _UPGRADE.format(uri=uri),
    )


def _revisions() -> tuple[set[str], str]:
    """Gives the schema revisions of the installed MLflow and the last one, read as text."""
    spec = find_spec("mlflow")  # finds the folder, imports nothing
    if spec is None or spec.origin is None:
        return set(), ""
    known: set[str] = set()
    parents: set[str] = set()
    for file in (Path(spec.origin).parent / "store/db_migrations/versions").glob("*.py"):
        for is_parent, name in _REVISION.findall(file.read_text(encoding="utf-8")):
            (parents if is_parent else known).add(name)
    heads = known - parents
    return (known, heads.pop()) if len(heads) == 1 else (set(), "")


def set_aside(uri: str) -> Path | None:
    """Moves a SQLite store that cannot be used out of the way, so that a new one can be made.

    Returns:
        Where it is now; None when it is usable or no SQLite.

    Raises:
        StorageError: If it cannot be moved.
    """
    path = sqlite_path(uri)
    if path is None or find_flaw(uri) is None:
        return None
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    new = path.with_name(f"{path.name}.broken-{stamp}")
    try:
        for suffix in ("-wal", "-shm", "-journal", ""):
            old = path.with_name(path.name + suffix)
            if old.exists():
                old.rename(new.with_name(new.name + suffix))
    except OSError as exc:
        raise StorageError(f"cannot move {path} aside: {exc.strerror}.") from exc
    return new
