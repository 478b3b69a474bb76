"""Where a running search is kept: a journal file, or any Optuna RDB URL."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, ParamSpec, TypeVar

from autometa.errors import StorageError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_log = logging.getLogger(__name__)

JOURNAL = "journal.log"


def open_storage(storage: str, study_folder: Path) -> BaseStorage:
    """Opens the storage of a study. The caller holds the study's lease.

    Args:
        storage: ``auto`` for a journal file in `study_folder`, or a database URL.
        study_folder: An existing folder.

    Raises:
        StorageError: If it cannot be opened; names the place and what to do.
    """
    if storage == "auto":
        return _open_journal(study_folder / JOURNAL)
    return _open_database(storage)


@contextmanager
def opened(storage: BaseStorage) -> Iterator[BaseStorage]:
    """Closes the connections of a storage at the end."""
    from optuna.storages import RDBStorage

    try:
        yield storage
    finally:
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()


def open_to_read(storage: str, study_folder: Path) -> BaseStorage | None:
    """Opens the storage of a study that another process may be writing; None when there is none.

    Raises:
        StorageError: If it is there and cannot be read.
    """
    if storage != "auto":
        return _open_database(storage)
    path = study_folder / JOURNAL
    return _load_journal(path) if path.is_file() else None


def _open_journal(path: Path) -> BaseStorage:
    try:
        repair_tail(path)
        # A lock left by a killed process would make Optuna wait for 30 s; the lease is ours.
        for stale in path.parent.glob(f"{path.name}.lock*"):
            stale.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(f"cannot open the journal {path}: {exc.strerror or exc}.") from exc
    return _load_journal(path, is_owned=True)


def _load_journal(path: Path, *, is_owned: bool = False) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from autometa.search.journal import OwnedJournal

    try:
        return JournalStorage(OwnedJournal(path) if is_owned else JournalFileBackend(str(path)))
    except OSError as exc:
        raise StorageError(
            f"cannot open the study's journal {path}: {exc.strerror or exc}."
        ) from exc
    except (ValueError, KeyError, AttributeError, AssertionError) as exc:
        raise StorageError(
            f"the study's journal {path} is damaged beyond its last line ({exc!r}).",
            hint="Start anew with --fresh, or restore the file from a backup.",
        ) from exc


def repair_tail(path: Path) -> int:
    """Cuts a torn last line off a journal, as a killed writer leaves it.

    Returns:
        How many bytes were cut. The result that the line was to tell is not lost for good: its
        trial is still running in the journal, and is run again.
    """
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        start = _last_line(file, size)
        file.seek(start)
        line = file.read()
        if not line or (line.endswith(b"\n") and _is_json(line)):
            return 0
        file.truncate(start)
        file.flush()
        os.fsync(file.fileno())
    _log.warning("the journal %s ended in a torn line of %d bytes; it was cut", path, size - start)
    return size - start


def _last_line(file: BinaryIO, size: int, block: int = 65536) -> int:
    """Gives the offset at which the last line, with or without its end, begins."""
    position, tail = size, b""
    while position > 0:
        step = min(block, position)
        position -= step
        file.seek(position)
        tail = file.read(step) + tail
        found = tail[:-1].rfind(b"\n")
        if found >= 0:
            return position + found + 1
    return 0


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _open_database(url: str) -> BaseStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    shown = _without_password(url)
    try:
        return RDBStorage(url)
    except ImportError as exc:
        raise StorageError(
            f"storage {shown} needs the database driver {exc.name!r}.",
            hint="For PostgreSQL: pip install 'autometa-core[postgresql]'.",
        ) from exc
    except (SQLAlchemyError, RuntimeError, ValueError, OSError) as exc:
        first = str(exc).strip().splitlines()[0]
        raise StorageError(
            f"cannot open storage {shown}: {first.rstrip('.')}.",
            hint="Check the URL, that the server runs, and that the database exists.",
        ) from exc


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url.rsplit("@", maxsplit=1)[-1]


P = ParamSpec("P")
R = TypeVar("R")


def says_when_it_fails(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function that uses a storage raise `StorageError` where the storage fails."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _faults() as exc:
            raise StorageError(
                f"the storage of the study failed: {_cause(exc)}.",
                hint="Nothing finished is lost: correct the cause, then run the command again.",
            ) from exc

    return call


def _faults() -> tuple[type[Exception], ...]:
    """Gives what storages raise; of SQLAlchemy only when it is in use: its import takes .2 s."""
    from optuna.exceptions import StorageInternalError

    faults: tuple[type[Exception], ...] = (OSError, StorageInternalError)
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import SQLAlchemyError

        faults = (*faults, SQLAlchemyError)
    return faults


def _cause(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.filename:
        return f"{exc.filename}: {exc.strerror}"
    # Optuna says only that it failed; the database said why.
    lines = str(exc.__cause__ or exc).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(exc).__name__
