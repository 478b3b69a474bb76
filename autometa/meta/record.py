"""What one past task leaves behind: a header and its trials."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from autometa.errors import StorageError
from autometa.learner import Space
from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.partial import completed
from autometa.meta.recordfile import decode, encode, write_atomically
from autometa.meta.spaces import space_from_json, space_signature, space_to_json
from autometa.meta.table import TrialTable
from autometa.trial import Outcome, ParamValue, TrialResult

SUFFIX = ".record"
"""Ending of a record file."""

SAME_ROWS = 0.9
"""Share of equal MinHash slots from which two tables are the same whatever their columns say."""

SAME_TABLE = 0.5
"""Share of equal slots from which tables of the same columns are versions of one table."""

_STOPPED = frozenset({Outcome.PRUNED, Outcome.DOMINATED})


def utc_now() -> str:
    """Gives the present moment as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Recognises a data set again without holding any of its values.

    Args:
        columns: Hash of the column names, their kinds and the target; "" = unknown.
        rows: MinHash of the rows, all of one length; () = unknown.
    """

    columns: str = ""
    rows: tuple[int, ...] = ()

    def similarity(self, other: Fingerprint) -> float:
        """Estimates the Jaccard index of the two sets of rows, in [0, 1]; 0 when unknown."""
        if not self.rows or len(self.rows) != len(other.rows):
            return 0.0
        return sum(a == b for a, b in zip(self.rows, other.rows, strict=True)) / len(self.rows)

    def matches(self, other: Fingerprint) -> bool:
        """Whether both are the same data: nearly equal rows, or one table grown or cut."""
        similarity = self.similarity(other)
        same_columns = bool(self.columns) and self.columns == other.columns
        return similarity >= (SAME_TABLE if same_columns else SAME_ROWS)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where costs were measured, so that they can be compared.

    Args:
        processor: Its name as the system tells it; "" = unknown.
        seconds: CPU seconds of the fixed workload of `autometa.meta.machine`; NaN = unknown.
    """

    processor: str = ""
    seconds: float = float("nan")

    def scale_to(self, other: Machine) -> float:
        """Gives the factor that turns CPU seconds here into CPU seconds there; 1 if unknown."""
        ratio = other.seconds / self.seconds if self.seconds else float("nan")
        return ratio if np.isfinite(ratio) and ratio > 0 else 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TaskRecord:
    """A finished task, as the next one sees it.

    Args:
        name: For people; need not be unique.
        objectives: ``(metric, "minimize" or "maximize")``, in the order of `TrialResult.values`.
        space: What was searched, with full names (``learner``, ``linear.alpha``).
        trials: The trials as columns.
        metafeatures: Finite numbers that describe the data; {} = unknown.
        fingerprint: Of the data.
        versions: Distribution name to version of whatever shaped the values.
        machine: Where costs were measured.
        created: ISO 8601, UTC.
        baseline: First objective of the constant predictor, user's units, or None.

    Raises:
        ValueError: If there is no objective, or a direction is unknown.

    Example:
        >>> from autometa.trial import Outcome, TrialResult
        >>> trial = TrialResult(number=0, params={}, outcome=Outcome.COMPLETE, values=(0.9,))
        >>> record = TaskRecord.from_results(
        ...     [trial], name="iris", objectives=(("accuracy", "maximize"),), space=Space({})
        ... )
        >>> record.losses().tolist()
        [-0.9]
    """

    name: str
    objectives: tuple[tuple[str, str], ...]
    space: Space
    trials: TrialTable
    metafeatures: Mapping[str, float] = field(default_factory=dict)
    fingerprint: Fingerprint = Fingerprint()
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Machine = Machine()
    created: str = ""
    baseline: float | None = None

    def __post_init__(self) -> None:
        directions = [direction for _, direction in self.objectives]
        if not directions or not {"minimize", "maximize"}.issuperset(directions):
            raise ValueError(f"objectives must be (metric, minimize or maximize): {directions}")

    @classmethod
    def from_results(cls, results: Sequence[TrialResult], **header: Any) -> TaskRecord:
        """Makes a record of trials; `header` are the other arguments of the class.

        `created` is the present moment unless given. Interrupted trials are left out: they say
        nothing of their configuration.
        """
        told = [result for result in results if result.outcome is not Outcome.INTERRUPTED]
        return cls(trials=TrialTable.of(told), **{"created": utc_now(), **header})

    def __len__(self) -> int:
        return len(self.trials)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskRecord) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def results(self) -> tuple[TrialResult, ...]:
        """The trials, made on first use."""
        return self.trials.results

    @property
    def configs(self) -> list[dict[str, ParamValue]]:
        """(n,) active parameters. Shared: not to be changed."""
        return self.trials.configs

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """(n,) how each ended."""
        return self.trials.outcomes

    @property
    def costs(self) -> FloatArray:
        """(n,) CPU seconds on `machine`; 0 or NaN where not known."""
        return self.trials.columns.floats["cost_seconds"]

    @property
    def fidelities(self) -> FloatArray:
        """(n,) shares in (0, 1]."""
        return self.trials.columns.floats["fidelity"]

    @property
    def sizes(self) -> FloatArray:
        """(n,) KiB, NaN where not measured."""
        return self.trials.columns.floats["size_kib"]

    @property
    def latencies(self) -> FloatArray:
        """(n,) ms, NaN where not measured."""
        return self.trials.columns.floats["latency_ms"]

    @cached_property
    def fold_scores(self) -> FloatArray:
        """(n, most folds) first objective per fold, user's units, padded with NaN."""
        return self.trials.columns.ragged["fold_scores"].matrix()

    @cached_property
    def standard_errors(self) -> FloatArray:
        """(n, n_objectives) of the mean over folds, NaN where unknown."""
        return self.trials.columns.ragged["standard_errors"].matrix(len(self.objectives))

    @cached_property
    def values(self) -> FloatArray:
        """(n, n_objectives) in the user's units, NaN where unknown."""
        return self.trials.columns.ragged["values"].matrix(len(self.objectives))

    def losses(self, objective: int = 0) -> FloatArray:
        """Gives (n,) values to minimise; NaN unless complete and finite."""
        sign = -1.0 if self.objectives[objective][1] == "maximize" else 1.0
        values = self.values[:, objective]
        usable: AnyArray = self.trials.is_complete & np.isfinite(values)
        return np.where(usable, sign * values, np.nan)

    def responses(self) -> FloatArray:
        """Gives (n,) first objectives to minimise, estimated where a trial was stopped early.

        NaN where nothing is known, see `autometa.meta.partial`; failed trials are NaN.
        """
        sign = -1.0 if self.objectives[0][1] == "maximize" else 1.0
        stopped = np.array([o in _STOPPED for o in self.outcomes], bool)
        if not stopped.any():
            return self.losses()
        first = sign * self.values[:, 0]
        known = np.where(stopped & np.isfinite(first), first, self.losses())
        scores = self.trials.columns.ragged["fold_scores"].tuples
        parts = [{i: sign * score for i, score in enumerate(row or ())} for row in scores]
        return completed(known, parts, stopped)

    def best(self) -> int | None:
        """Gives the row of the best first objective, None if no trial is complete."""
        losses = self.losses()
        return None if np.isnan(losses).all() else int(np.nanargmin(losses))

    def baseline_loss(self) -> float:
        """Gives the constant predictor's first objective to minimise; NaN where unknown."""
        if self.baseline is None:
            return float("nan")
        return -self.baseline if self.objectives[0][1] == "maximize" else self.baseline

    @cached_property
    def signature(self) -> str:
        """`space_signature` of the space."""
        return space_signature(self.space)

    @cached_property
    def digest(self) -> str:
        """Hash of everything in the record, 32 hexadecimal digits."""
        return hashlib.sha256(self._header).hexdigest()[:32]

    def to_bytes(self) -> bytes:
        """Gives the content of a record file; equal records give equal bytes."""
        return encode(self._header, self.trials.raw)

    @classmethod
    def from_bytes(cls, data: bytes) -> TaskRecord:
        """Reads what `to_bytes` gave.

        Raises:
            StorageError: If the bytes are damaged, foreign, or of a newer format.
        """
        header, trials = decode(data)
        try:
            return cls._load(header, trials)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as exc:
            raise StorageError(f"A record is not what it says: {exc}.") from exc

    @classmethod
    def read(cls, path: Path) -> TaskRecord:
        """Reads a record file.

        Raises:
            StorageError: If the file cannot be read, is damaged, or of a newer format.
        """
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise StorageError(f"{path} cannot be read: {exc.strerror}.") from exc
        return cls.from_bytes(data)

    def write(self, folder: Path) -> Path:
        """Writes the record under a name of its own; safe with many writers.

        Returns:
            The new file.

        Raises:
            StorageError: If the folder cannot be written; nothing half-written remains.
        """
        name = f"{self.fingerprint.columns[:12] or 'unknown'}-{uuid.uuid4().hex}{SUFFIX}"
        path = folder / name
        write_atomically(path, self.to_bytes())
        return path

    @cached_property
    def _header(self) -> bytes:
        """Everything but the trials, and their hash."""
        data = {
            "name": self.name,
            "objectives": [list(objective) for objective in self.objectives],
            "space": space_to_json(self.space),
            "metafeatures": dict(self.metafeatures),
            "fingerprint": [self.fingerprint.columns, list(self.fingerprint.rows)],
            "versions": dict(self.versions),
            "machine": [self.machine.processor, self.machine.seconds],
            "created": self.created,
            "baseline": self.baseline,
            "trials": [len(self.trials), hashlib.sha256(self.trials.raw).hexdigest()],
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def _load(cls, header: bytes, trials: bytes) -> TaskRecord:
        data = json.loads(header)
        columns, rows = data["fingerprint"]
        processor, seconds = data["machine"]
        record = cls(
            name=str(data["name"]),
            objectives=tuple((str(m), str(d)) for m, d in data["objectives"]),
            space=space_from_json(data["space"]),
            trials=TrialTable.load(int(data["trials"][0]), trials),
            metafeatures={str(k): float(v) for k, v in data["metafeatures"].items()},
            fingerprint=Fingerprint(str(columns), tuple(map(int, rows))),
            versions={str(k): str(v) for k, v in data["versions"].items()},
            machine=Machine(str(processor), float(seconds)),
            created=str(data["created"]),
            baseline=None if data["baseline"] is None else float(data["baseline"]),
        )
        # As it was written, so that keys of a later minor version stay part of the digest.
        vars(record)["_header"] = header
        return record
