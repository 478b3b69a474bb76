"""What MLflow and its stores raise, as the answers that a replay knows. Imports MLflow."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from autometa.tracking.faults import EventRefusedError, RunMissingError, StoreAwayError

# 401, 403 and 407 mean this user now, not this event; 408, 425 and 429 say "later".
_LATER = {401, 403, 407, 408, 425, 429}
_MISSING = "RESOURCE_DOES_NOT_EXIST"


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
