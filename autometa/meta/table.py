"""The trials of one record, column by column."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from autometa.errors import StorageError
from autometa.meta.columns import (
    AnyArray,
    Arrays,
    FloatArray,
    RaggedColumn,
    SparseColumns,
    Spec,
    ValueColumn,
)
from autometa.meta.recordfile import decompress, pack_arrays, unpack_arrays
from autometa.trial import Outcome, ParamValue, TrialResult

logger = logging.getLogger(__name__)

_VALUE_COLUMNS = ("number", "outcome", "seed", "proposer", "reason")
_FLOAT_COLUMNS = ("fidelity", "cost_seconds", "size_kib", "latency_ms")
_OPTIONAL_COLUMNS = ("size_kib", "latency_ms")
_RAGGED_COLUMNS = ("values", "fold_scores", "standard_errors")
_SPARSE_COLUMNS = ("params", "metrics")


@dataclass(frozen=True, eq=False)
class _Columns:
    """The columns of n trials.

    Args:
        plain: ``number``, ``outcome``, ``seed``, ``proposer``, ``reason``.
        floats: (n,) float64 each: ``fidelity``, ``cost_seconds``, ``size_kib``, ``latency_ms``;
            NaN where unknown.
        ragged: ``values``, ``fold_scores``, ``standard_errors``.
        sparse: ``params``, ``metrics``.
    """

    plain: Mapping[str, ValueColumn]
    floats: Mapping[str, FloatArray]
    ragged: Mapping[str, RaggedColumn]
    sparse: Mapping[str, SparseColumns]

    def dump(self) -> bytes:
        spec: Spec = {}
        arrays: list[AnyArray] = []
        for group in (self.plain, self.ragged, self.sparse):
            for key, column in group.items():
                spec[key], data = column.dump()
                arrays += data
        return pack_arrays(spec, arrays + [self.floats[key] for key in _FLOAT_COLUMNS])

    @classmethod
    def load(cls, raw: bytes) -> _Columns:
        """Reads what `dump` gave; KeyError, TypeError, ValueError if it is something else."""
        spec, data = unpack_arrays(raw)
        arrays: Arrays = iter(data)
        plain = {key: ValueColumn.load(spec[key], arrays) for key in _VALUE_COLUMNS}
        ragged = {key: RaggedColumn.load(spec[key], arrays) for key in _RAGGED_COLUMNS}
        sparse = {key: SparseColumns.load(spec[key], arrays) for key in _SPARSE_COLUMNS}
        columns = cls(plain, {key: next(arrays) for key in _FLOAT_COLUMNS}, ragged, sparse)
        columns.check()
        return columns

    def check(self) -> None:
        lengths = {len(column.data) for column in self.plain.values()}
        lengths |= {len(array) for array in self.floats.values()}
        lengths |= {len(column.lengths) for column in self.ragged.values()}
        lengths |= {columns.n for columns in self.sparse.values()}
        if len(lengths) > 1:
            raise ValueError("columns differ in length")
        for choice in self.plain["outcome"].choices or ():
            Outcome(str(choice))


class TrialTable:
    """`TrialResult`s as columns. Built by `of`, `of_columns` or `load`.

    A table that comes from a file stays packed until its first use. One that then turns out to
    be unreadable warns and reads as a table without trials, which no prior learns from.
    """

    def __init__(self, n: int, columns: _Columns | None, block: bytes = b"") -> None:
        self._n = n
        self._given = columns
        self._block = block

    @classmethod
    def of(cls, results: Sequence[TrialResult]) -> TrialTable:
        """Stores trials. A NaN size or latency reads back as None; all else as it was.

        Raises:
            TypeError: If a parameter value is not a plain value.
        """
        columns = _Columns(
            {key: ValueColumn.of(_texts(results, key)) for key in _VALUE_COLUMNS},
            {key: _floats(results, key) for key in _FLOAT_COLUMNS},
            {key: RaggedColumn.of([getattr(r, key) for r in results]) for key in _RAGGED_COLUMNS},
            {key: SparseColumns.of([getattr(r, key) for r in results]) for key in _SPARSE_COLUMNS},
        )
        return cls(len(results), columns)

    @classmethod
    def of_columns(
        cls,
        configs: Sequence[Mapping[str, ParamValue]] | SparseColumns,
        values: FloatArray,
        *,
        outcomes: Sequence[Outcome] | None = None,
        costs: FloatArray | None = None,
        proposer: str = "import",
    ) -> TrialTable:
        """Stores one full-fidelity trial per row, without making `TrialResult`s.

        Args:
            configs: (n,) active parameters; a `SparseColumns` is shared, not copied.
            values: (n,) or (n, n_objectives) in the user's units, NaN = failed.
            outcomes: (n,); by default complete where the first value is finite, else error.
            costs: (n,) CPU seconds; 0 where not given.
            proposer: `TrialResult.proposer` of all.
        """
        matrix = np.asarray(values, np.float64).reshape(len(values), -1)
        n, done = len(matrix), np.isfinite(matrix[:, 0])
        if outcomes is None:
            outcomes = [Outcome.COMPLETE if ok else Outcome.ERROR for ok in done]
        zeros = np.zeros(n)
        plain: dict[str, Sequence[ParamValue]] = {
            "number": range(n),
            "outcome": [outcome.value for outcome in outcomes],
            "seed": [0] * n,
            "proposer": [proposer] * n,
            "reason": [""] * n,
        }
        columns = _Columns(
            {key: ValueColumn.of(column) for key, column in plain.items()},
            {
                "fidelity": zeros + 1.0,
                "cost_seconds": zeros if costs is None else np.asarray(costs, np.float64),
                "size_kib": zeros + np.nan,
                "latency_ms": zeros + np.nan,
            },
            {
                "values": RaggedColumn.of_matrix(matrix),
                "fold_scores": RaggedColumn.of([()] * n),
                "standard_errors": RaggedColumn.nothing(n),
            },
            {
                "params": configs
                if isinstance(configs, SparseColumns)
                else SparseColumns.of(configs),
                "metrics": SparseColumns(n, {}),
            },
        )
        return cls(n, columns)

    @classmethod
    def load(cls, n: int, block: bytes) -> TrialTable:
        """Takes `n` trials as `compressed` gave them; they are unpacked on first use."""
        return cls(n, None, block)

    def __len__(self) -> int:
        return self._n

    @cached_property
    def raw(self) -> bytes:
        """The columns as bytes, the same for equal trials."""
        if self._given is not None:
            return self._given.dump()
        return decompress(self._block)

    @cached_property
    def columns(self) -> _Columns:
        """The columns themselves."""
        if self._given is not None:
            return self._given
        try:
            columns = _Columns.load(self.raw)
            if len(columns.plain["number"].data) == self._n:
                return columns
            reason = "it holds another number of trials than it says"
        except (StorageError, KeyError, TypeError, ValueError, StopIteration) as exc:
            reason = str(exc)
        logger.warning("The trials of a record cannot be read and are left out: %s.", reason)
        self._n = 0
        return TrialTable.of([]).columns

    @property
    def params(self) -> SparseColumns:
        """The parameters as columns."""
        return self.columns.sparse["params"]

    def take(self, keep: AnyArray, params: SparseColumns | None = None) -> TrialTable:
        """Gives the trials of an (n,) boolean array, with other parameters when given."""
        columns = self.columns
        sparse = {"metrics": columns.sparse["metrics"].take(keep)}
        sparse["params"] = self.params.take(keep) if params is None else params
        taken = _Columns(
            {key: column.take(keep) for key, column in columns.plain.items()},
            {key: array[keep] for key, array in columns.floats.items()},
            {key: column.take(keep) for key, column in columns.ragged.items()},
            sparse,
        )
        return TrialTable(int(keep.sum()), taken)

    def failed(self, rows: AnyArray) -> TrialTable:
        """Gives the same trials, those of an (n,) boolean array as if they had failed."""
        columns = self.columns
        outcomes = [
            Outcome.ERROR.value if is_failed else outcome
            for is_failed, outcome in zip(rows, columns.plain["outcome"].values, strict=True)
        ]
        plain = {**columns.plain, "outcome": ValueColumn.of(outcomes)}
        return TrialTable(len(self), replace(columns, plain=plain))

    @property
    def configs(self) -> list[dict[str, ParamValue]]:
        """(n,) active parameters by full name. Shared: not to be changed."""
        return self.params.dicts

    @cached_property
    def outcomes(self) -> tuple[Outcome, ...]:
        """(n,) how each ended."""
        return tuple(Outcome(str(value)) for value in self.columns.plain["outcome"].values)

    @cached_property
    def is_complete(self) -> AnyArray:
        """(n,) bool."""
        return np.array([outcome is Outcome.COMPLETE for outcome in self.outcomes], bool)

    @cached_property
    def results(self) -> tuple[TrialResult, ...]:
        """(n,) rows, made on first use."""
        return tuple(self._row(index) for index in range(len(self)))

    def _row(self, index: int) -> TrialResult:
        columns = self.columns
        row: dict[str, Any] = {key: columns.plain[key].values[index] for key in _VALUE_COLUMNS}
        row |= {key: columns.ragged[key].tuples[index] for key in _RAGGED_COLUMNS}
        row |= {key: float(columns.floats[key][index]) for key in _FLOAT_COLUMNS}
        row |= {key: columns.sparse[key].dicts[index] for key in _SPARSE_COLUMNS}
        row |= {key: None for key in _OPTIONAL_COLUMNS if np.isnan(row[key])}
        return TrialResult(**{**row, "outcome": self.outcomes[index]})


def _texts(results: Sequence[TrialResult], key: str) -> list[ParamValue]:
    values = [getattr(result, key) for result in results]
    return [value.value if isinstance(value, Outcome) else value for value in values]


def _floats(results: Sequence[TrialResult], key: str) -> FloatArray:
    values = [getattr(result, key) for result in results]
    return np.array([np.nan if value is None else value for value in values], np.float64)
