"""Optuna studies as records: anybody's, and those that autometa itself ran."""

from __future__ import annotations

import fnmatch
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from autometa.errors import StorageError
from autometa.learner import Space
from autometa.meta import attrs
from autometa.meta.columns import SparseColumns
from autometa.meta.infer import conditions_of, merged
from autometa.meta.record import Fingerprint, Machine, TaskRecord
from autometa.meta.spaces import space_from_json
from autometa.meta.table import TrialTable
from autometa.trial import Outcome, TrialResult

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

OWN_ATTR = attrs.HEADER
"""User attribute under which autometa's own studies keep their header and trials their result."""

logger = logging.getLogger(__name__)

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, AssertionError)

_OUTCOMES = {
    TrialState.COMPLETE: Outcome.COMPLETE,
    TrialState.PRUNED: Outcome.PRUNED,
    TrialState.FAIL: Outcome.ERROR,
}


def import_storage(url: str, pattern: str | None = None) -> Iterator[TaskRecord]:
    """Gives a record per study of an Optuna storage that holds a finished trial.

    Nothing is written to the storage but what Optuna itself writes on opening it.

    Args:
        url: Database URL, or the path of a journal file.
        pattern: Shell pattern that the name of a study must match; None = all.

    Raises:
        StorageError: If the storage cannot be opened or read.
    """
    storage = _open(url)
    with _told(url):
        names = sorted(study.study_name for study in storage.get_all_studies())
    for name in names:
        if pattern is None or fnmatch.fnmatchcase(name, pattern):
            record = _read_or_warn(storage, name, url)
            if record is not None and len(record):
                yield record


def _read_or_warn(storage: BaseStorage, name: str, url: str) -> TaskRecord | None:
    import optuna

    try:
        with _told(url):
            return record_of_study(optuna.load_study(study_name=name, storage=storage))
    except StorageError as exc:
        logger.warning("study %s is skipped: %s", name, exc)
        return None


def record_of_study(study: optuna.Study) -> TaskRecord:
    """Gives the record of one study; trials that are not finished are left out.

    A study of autometa's own keeps the outcome, cost and fold scores of its trials. Of any other
    study a duration counts as cost, a failed trial as error, and the last reported value of a
    pruned one as the score of one fold at the share of steps that it reached. Ranges that changed
    during the study are joined; a parameter that is absent in some trials gets the condition
    that explains it, see `autometa.meta.infer`.

    Raises:
        StorageError: If the study says it is autometa's own, and what it holds is damaged.
    """
    trials = [t for t in study.get_trials(deepcopy=False) if t.state in _OUTCOMES]
    header = study.user_attrs.get(OWN_ATTR)
    if isinstance(header, Mapping):
        try:
            return _own_record(study, trials, header)
        except _MALFORMED as exc:
            raise StorageError(
                f"what autometa left in study {study.study_name!r} cannot be read: {exc!r}."
            ) from exc
    return TaskRecord(
        name=study.study_name,
        objectives=_objectives(study),
        space=_space(trials),
        trials=TrialTable.of(_foreign_results(trials)),
        created=_created(trials),
    )


def _own_record(
    study: optuna.Study, trials: list[FrozenTrial], header: Mapping[str, Any]
) -> TaskRecord:
    """Reads what autometa left, the same as at the study's end; what lacks is Optuna's."""
    told = [t.user_attrs[OWN_ATTR] for t in trials if OWN_ATTR in t.user_attrs]
    kept = study.user_attrs
    objectives = tuple((m, d) for m, d in header.get("objectives", ())) or _objectives(study)
    columns, rows = header.get("fingerprint", ("", ()))
    processor, seconds = kept.get(attrs.MACHINE) or ("", math.nan)
    baseline = (kept.get(attrs.BASELINE) or {}).get(objectives[0][0])
    results = [TrialResult.from_json(data) for data in told]
    return TaskRecord.from_results(
        sorted(results, key=lambda result: result.number),
        name=str(header.get("name", study.study_name)),
        objectives=objectives,
        space=space_from_json(header["space"]) if "space" in header else _space(trials),
        metafeatures=dict(kept.get(attrs.METAFEATURES) or {}),
        fingerprint=Fingerprint(columns, tuple(rows)),
        versions=dict(kept.get(attrs.VERSIONS) or {}),
        machine=Machine(processor, float(seconds)),
        created=moment(max((int(data.get("ended_ms", 0)) for data in told), default=0)),
        baseline=None if baseline is None else float(baseline),
    )


def moment(milliseconds: int) -> str:
    """Gives ISO 8601 in UTC, to the second, of milliseconds since the epoch; "" for none."""
    if not milliseconds:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _objectives(study: optuna.Study) -> tuple[tuple[str, str], ...]:
    directions = [direction.name.lower() for direction in study.directions]
    names = study.metric_names or [f"value_{i}" if i else "value" for i in range(len(directions))]
    return tuple(zip(names, directions, strict=True))


def _space(trials: Sequence[FrozenTrial]) -> Space:
    found: dict[str, list[Any]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            found.setdefault(name, []).append(distribution)
    # A trial that failed half-way has not asked for all its parameters.
    whole = [t for t in trials if t.state is TrialState.COMPLETE] or list(trials)
    conditions = conditions_of(SparseColumns.of([trial.params for trial in whole]))
    return Space({name: merged(found[name]) for name in found}, conditions)


def _created(trials: Sequence[FrozenTrial]) -> str:
    ends = [trial.datetime_complete for trial in trials if trial.datetime_complete]
    return max(ends).astimezone(UTC).isoformat(timespec="seconds") if ends else ""


def _foreign_results(trials: Sequence[FrozenTrial]) -> list[TrialResult]:
    steps = max((max(t.intermediate_values, default=0) for t in trials), default=0) + 1
    return [_foreign_result(trial, steps) for trial in trials]


def _foreign_result(trial: FrozenTrial, steps: int) -> TrialResult:
    """Gives a trial of a foreign study whose longest trial reported `steps` times."""
    values = tuple(trial.values or ())
    outcome = _OUTCOMES[trial.state]
    if outcome is Outcome.COMPLETE and not math.isfinite(values[0]):
        outcome = Outcome.INVALID_SCORE
    is_part = outcome is Outcome.PRUNED and bool(trial.intermediate_values)
    last = max(trial.intermediate_values) if is_part else 0
    return TrialResult(
        number=trial.number,
        params=trial.params,
        outcome=outcome,
        values=values if outcome is Outcome.COMPLETE else None,
        fold_scores=(trial.intermediate_values[last],) if is_part else (),
        fidelity=(max(last, 0) + 1) / steps if is_part else 1.0,
        cost_seconds=trial.duration.total_seconds() if trial.duration else 0.0,
        proposer="import",
        metrics={f"constraint.{name}": value for name, value in trial.constraints.items()},
    )


def _open(url: str) -> BaseStorage:
    from optuna.storages import JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend

    is_url = "://" in url
    file = _file_of(url)
    if file is not None and not file.is_file():
        # Optuna would make an empty one.
        raise StorageError(f"There is no Optuna storage at {file}.", hint="Check the path.")
    with _told(url):
        return RDBStorage(url) if is_url else JournalStorage(JournalFileBackend(url))


def _file_of(url: str) -> Path | None:
    """Gives the file behind a path or an SQLite URL, None for a server."""
    if "://" not in url:
        return Path(url)
    prefix = "sqlite:///"
    return Path(url.removeprefix(prefix).partition("?")[0]) if url.startswith(prefix) else None


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Turns what Optuna and its database layer raise into one error that names the storage."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, ImportError, OSError, RuntimeError, *_MALFORMED) as exc:
        first = (str(exc).strip() or type(exc).__name__).splitlines()[0]
        raise StorageError(
            f"The Optuna storage {_without_password(url)} cannot be read: {first}.",
            hint="Check the URL and the driver; `optuna storage upgrade` updates an old one.",
        ) from exc


def _without_password(url: str) -> str:
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
