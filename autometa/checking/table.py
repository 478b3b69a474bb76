"""What the checks look at: the prepared table, its split, and samples of it as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from autometa.schema import Schema
from autometa.split import Rows, Split

Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

MOST_CELLS = 2_000_000
"""Cells of a sample, so that a check takes its time and memory by this, not by the table."""

MOST_ROWS = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTable:
    """A prepared table as the checks see it.

    Args:
        X: (n, d) canonical feature columns; it is not changed.
        y: (n,) int64 class indices, or float64 values.
        split: The part of each row.
        schema: Of the columns of X.
        classes: Labels as they were written, by index; () for regression.
        target: Name of the target.
        dropped: Columns that were left out, with the reason (a key of `autometa.columns.REASONS`).
        notes: What the preparation of the data said, one line each.
        overlap: Of a given test part, the share of rows whose ``group`` also has development rows,
            or whose ``time`` is before the last one's.
        seed: Of the samples.
        objective: Name of the metric that the search optimises first, or "" when it is not known.
        positive: Index of the class that binary metrics look at.
        is_image: Whether X is thumbnails of images, whose columns nobody knows by name.
    """

    X: pd.DataFrame
    y: np.ndarray[Any, Any]
    split: Split
    schema: Schema
    classes: tuple[str, ...] = ()
    target: str = "target"
    dropped: Sequence[Mapping[str, str]] = ()
    notes: Sequence[str] = ()
    overlap: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    objective: str = ""
    positive: int = 1
    is_image: bool = False
    _parts: dict[str, Rows] = field(default_factory=dict, repr=False)
    _columns: dict[str, pd.Series[Any]] = field(default_factory=dict, repr=False)

    @property
    def n_classes(self) -> int | None:
        """Number of classes, None for regression."""
        return len(self.classes) or None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of X."""
        return self.schema.names

    @property
    def development(self) -> Rows:
        """Positions of the rows that are searched on."""
        if "development" not in self._parts:
            self._parts["development"] = self.split.development_rows()
        return self._parts["development"]

    @property
    def test(self) -> Rows:
        """Positions of the test part; may be empty."""
        if "test" not in self._parts:
            self._parts["test"] = self.split.test_rows()
        return self._parts["test"]

    @property
    def is_random(self) -> bool:
        """Whether rows were dealt to the folds by chance."""
        return self.split.kind in ("holdout", "kfold")

    def sample(self, rows: Rows, most: int = MOST_ROWS) -> Rows:
        """Gives at most so many of the rows, rising; the same ones on every call."""
        if len(rows) <= most:
            return rows
        rng = np.random.default_rng([self.seed, len(rows)])
        return np.sort(rng.choice(rows, most, replace=False))

    def sample_cells(self, rows: Rows, names: Sequence[str]) -> Rows:
        """Gives a sample of rows that has at most `MOST_CELLS` cells of these columns."""
        return self.sample(rows, min(MOST_ROWS, max(200, MOST_CELLS // max(1, len(names)))))

    def numbers(self, name: str, rows: Rows | slice = slice(None)) -> Floats:
        """Gives a column as (n,) float64 where equal values are equal numbers; NaN = missing.

        Categories are their codes, booleans 0 and 1, dates microseconds. Texts are codes too, in
        the order in which they come, so they can be compared within one call only.
        """
        if not self._columns:  # of 10,000 columns, each look-up would cost a quarter millisecond
            self._columns.update((str(column), values) for column, values in self.X.items())
        values = self._columns[name]
        # Rows are taken from arrays: taking them from a column costs ten times as much.
        match self.schema[name].kind:
            case "numeric":
                return np.asarray(values.to_numpy()[rows], dtype=np.float64)
            case "categorical":
                return _coded(values.array.codes[rows])
            case "boolean":
                return np.asarray(values.array[rows].to_numpy(dtype=np.float64, na_value=np.nan))
            case "date":
                moments = values.to_numpy()[rows]
                return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(float))
            case _:
                return _coded(pd.factorize(values.array[rows])[0])

    def matrix(self, names: Sequence[str], rows: Rows) -> Floats:
        """Gives (n, d) `numbers` of several columns, Fortran-ordered."""
        cells = np.empty((len(rows), len(names)), order="F")
        for index, name in enumerate(names):
            cells[:, index] = self.numbers(name, rows)
        return cells


def _coded(codes: np.ndarray[Any, Any]) -> Floats:
    return np.where(codes < 0, np.nan, codes.astype(np.float64))
