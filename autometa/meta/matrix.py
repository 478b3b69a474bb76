"""A table as numbers, for measuring only: small, standardised, without gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.meta.columnkinds import column_kind
from autometa.meta.columns import AnyArray, FloatArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Table:
    """A sample of a table, encoded.

    Args:
        values: (n, d) floats, NaN = missing, each column scaled to at most 1 in size.
        kinds: (d,) see `columnkinds.KINDS`.
    """

    values: FloatArray
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, X: pd.DataFrame) -> Table:
        """Encodes columns: categories by how frequent they are, dates as time, texts as length."""
        kinds = tuple(column_kind(dtype) for dtype in X.dtypes)
        encoded = [_encode(X.iloc[:, j], kind) for j, kind in enumerate(kinds)]
        values = np.stack(encoded, axis=1) if encoded else np.empty((len(X), 0))
        return cls(scaled(values), kinds)

    def columns(self, *kinds: str) -> FloatArray:
        """Gives the (n, m) columns of some kinds."""
        return self.values[:, [kind in kinds for kind in self.kinds]]

    def standardised(self) -> FloatArray:
        """Gives (n, m) columns of mean 0 and variance 1, missing as 0, without constant ones."""
        return standardise(self.values)


def _encode(column: pd.Series[Any], kind: str) -> FloatArray:
    if kind in {"numeric", "boolean"}:
        return np.asarray(column.to_numpy(np.float64, na_value=np.nan), np.float64)
    if kind == "date":
        return np.asarray((column - column.min()).dt.total_seconds(), np.float64)
    if kind == "categorical":
        return _frequency_ranks(column.cat.codes.to_numpy())
    missing = column.isna().to_numpy(bool)
    lengths = [0 if gone else len(str(value)) for gone, value in zip(missing, column, strict=True)]
    return np.where(missing, np.nan, np.array(lengths, np.float64))


def _frequency_ranks(codes: AnyArray) -> FloatArray:
    """Gives 0 to the most frequent code, 1 to the next, NaN to -1; ties by code."""
    counts = np.bincount(codes[codes >= 0], minlength=1)
    ranks = np.empty(len(counts) + 1)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    ranks[-1] = np.nan  # reached by the code -1
    return ranks[codes]


def scaled(values: FloatArray) -> FloatArray:
    """Divides columns by their largest size, lest a square overflow; infinities are missing."""
    finite = np.where(np.isfinite(values), values, np.nan)
    largest = np.abs(np.nan_to_num(finite)).max(axis=0, initial=0.0)
    # Below the smallest normal number a quotient is noise.
    return np.asarray(finite / np.where(largest > np.finfo(float).tiny, largest, 1.0))


def standardise(values: FloatArray) -> FloatArray:
    """Gives columns of mean 0 and variance 1, missing as 0; constant ones are left out."""
    known = ~np.isnan(values)
    counts = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - np.nansum(values, axis=0) / counts, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / counts)
    varied = spread > 1e-9
    return np.asarray(centred[:, varied] / spread[varied])


def pick(rng: np.random.Generator, n: int, at_most: int) -> AnyArray:
    """Gives at most so many of n positions, rising, each as likely as any other."""
    if n <= at_most:
        return np.arange(n)
    return np.sort(rng.choice(n, at_most, replace=False))


def bins(values: FloatArray, n_bins: int) -> AnyArray:
    """Gives (n,) codes of quantile bins in [0, n_bins); missing values are a bin of their own.

    Columns of few distinct values keep them apart.
    """
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    many = len(distinct) > n_bins
    edges = np.unique(np.quantile(known, _inner(n_bins))) if many else distinct[1:]
    return np.where(np.isnan(values), n_bins, np.searchsorted(edges, values, side="right"))


def _inner(n_bins: int) -> FloatArray:
    return np.arange(1, n_bins) / n_bins
