"""Meta-features: what a table is like, in some fifty finite numbers.

All of them are described, with their sources, in `autometa.meta.descriptions`. Sizes of samples
follow from the size of the table and the seconds allowed, never from a clock, so that the same
table and seed give the same numbers on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autometa.meta.columnkinds import KINDS, column_kind
from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.descriptions import DESCRIPTIONS
from autometa.meta.landmarks import landmarks
from autometa.meta.matrix import Table, bins, pick, scaled, standardise

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

# What one second allows; measured, see `compute`.
_ROWS, _COLUMNS = 5000, 100
_LANDMARK_ROWS, _LANDMARK_COLUMNS = 1000, 50
_BINS = 10
_MOST_CLASSES = 20


@dataclass(frozen=True, slots=True)
class _Sample:
    """What everything but the simple counts is measured on.

    Args:
        table: (n, d) encoded columns.
        y: (n,) class indices without gaps, or values scaled to at most 1 in size.
        n_classes: Classes that occur; None for regression.
    """

    table: Table
    y: AnyArray
    n_classes: int | None


def compute(
    X: pd.DataFrame,
    y: AnyArray,
    n_classes: int | None,
    *,
    seed: int = 0,
    max_seconds: float = 1.0,
) -> dict[str, float]:
    """Gives every meta-feature of `DESCRIPTIONS`, finite for any table.

    Args:
        X: (n, d) columns of any dtype; n and d may be 0.
        y: (n,) values, (n,) class indices, or (n, k) soft labels.
        n_classes: None for regression.
        seed: Of the samples.
        max_seconds: CPU seconds allowed on a common machine, without the import of scikit-learn;
            sets the size of the samples, in [0.1, 10].
    """
    effort = min(max(max_seconds, 0.1), 10.0)
    rng = np.random.default_rng(seed)
    found = _sizes(X)
    sample = _sample(X, y, n_classes, rng, effort)
    with np.errstate(all="ignore"):  # what becomes of a division by 0 is told below
        found |= _gaps(sample.table) | _target(sample) | _statistics(sample)
        found |= _information(sample) | _landmarks(sample, rng, effort)
    return {name: _finite(found[name]) for name in DESCRIPTIONS}


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0


def _sizes(X: pd.DataFrame) -> dict[str, float]:
    n, d = X.shape
    kinds = [column_kind(dtype) for dtype in X.dtypes]
    shares = {f"share_{kind}": kinds.count(kind) / max(d, 1) for kind in KINDS}
    return shares | {
        "log_n_rows": np.log(max(n, 1)),
        "log_n_columns": np.log1p(d),
        "log_columns_per_row": np.log1p(d) - np.log(max(n, 1)),
    }


def _sample(
    X: pd.DataFrame, y: AnyArray, n_classes: int | None, rng: np.random.Generator, effort: float
) -> _Sample:
    rows = pick(rng, len(X), int(_ROWS * effort))
    columns = pick(rng, X.shape[1], int(_COLUMNS * effort))
    table = Table.of(X.iloc[rows, columns])
    if n_classes is None:
        values = scaled(np.asarray(y, np.float64).reshape(len(X), -1)[rows, :1])[:, 0]
        return _Sample(table, np.nan_to_num(values), None)
    classes = np.asarray(y).argmax(axis=1) if np.ndim(y) == 2 else np.asarray(y)
    distinct, codes = np.unique(classes[rows], return_inverse=True)
    return _Sample(table, codes, len(distinct))


def _gaps(table: Table) -> dict[str, float]:
    missing = np.isnan(table.values)
    categories = [_n_distinct(column) for column in table.columns("categorical").T]
    logs = np.log(np.maximum(categories, 1))
    constant = [_n_distinct(column) < 2 for column in table.values.T]
    return {
        "share_missing": _mean(missing),
        "share_rows_missing": _mean(missing.any(axis=1)),
        "share_columns_missing": _mean(missing.any(axis=0)),
        "share_columns_constant": _mean(constant),
        "log_categories_mean": _mean(logs),
        "log_categories_max": max(logs, default=0.0),
    }


def _n_distinct(column: FloatArray) -> int:
    return len(np.unique(column[~np.isnan(column)]))


def _mean(values: ArrayLike) -> float:
    array = np.asarray(values, np.float64)
    return float(array.mean()) if array.size else 0.0


def _target(sample: _Sample) -> dict[str, float]:
    y = sample.y
    if sample.n_classes is None:
        skewness, kurtosis = _moments(y[:, None])
        return {
            "is_regression": 1.0,
            "log_n_classes": 0.0,
            "class_share_min": 0.0,
            "class_share_max": 0.0,
            "target_skewness": _mean(np.arcsinh(skewness)),
            "target_kurtosis": _mean(np.arcsinh(kurtosis)),
            "target_share_distinct": len(np.unique(y)) / max(len(y), 1),
        }
    shares = np.bincount(y) / max(len(y), 1)
    nothing = {f"target_{name}": 0.0 for name in ("skewness", "kurtosis", "share_distinct")}
    return nothing | {
        "is_regression": 0.0,
        "log_n_classes": np.log(max(sample.n_classes, 1)),
        "class_share_min": min(shares, default=0.0),
        "class_share_max": max(shares, default=0.0),
    }


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gives skewness and excess kurtosis of each column that varies; (m,) each."""
    varied = values[:, [_n_distinct(column) > 1 for column in values.T]]
    centred = varied - np.nanmean(varied, axis=0)
    standard = centred / np.sqrt(np.nanmean(centred**2, axis=0))
    return np.nanmean(standard**3, axis=0), np.nanmean(standard**4, axis=0) - 3.0


def _statistics(sample: _Sample) -> dict[str, float]:
    numbers = sample.table.columns("numeric", "date")
    skewness, kurtosis = (np.arcsinh(moment) for moment in _moments(numbers))
    numeric = sample.table.columns("numeric")
    distinct = [_n_distinct(column) / max(len(column), 1) for column in numbers.T]
    return {
        "skewness_mean": _mean(np.abs(skewness)),
        "skewness_max": max(np.abs(skewness), default=0.0),
        "kurtosis_mean": _mean(kurtosis),
        "kurtosis_max": max(kurtosis, default=0.0),
        "share_zeros": _mean((numeric == 0)[~np.isnan(numeric)]),
        "share_outliers": _share_outliers(numbers),
        "share_distinct": _mean(distinct),
        **_correlations(sample.table.standardised(), sample),
    }


def _share_outliers(numbers: FloatArray) -> float:
    columns = [column[~np.isnan(column)] for column in numbers.T]
    outside = [_is_outlier(column) for column in columns if len(column)]
    return _mean(np.concatenate(outside)) if outside else 0.0


def _is_outlier(column: FloatArray) -> AnyArray:
    low, high = np.quantile(column, [0.25, 0.75])
    reach = 1.5 * (high - low)
    outside: AnyArray = (column < low - reach) | (column > high + reach)
    return outside


def _correlations(standard: FloatArray, sample: _Sample) -> dict[str, float]:
    n, d = standard.shape
    if d == 0:
        keys = ("correlation_mean", "correlation_max", "pca_first_share", "pca_95_share")
        return dict.fromkeys((*keys, "association_mean", "association_max"), 0.0)
    matrix = standard.T @ standard / n  # (d, d)
    between = np.abs(matrix[np.triu_indices(d, 1)])
    variances = np.maximum(np.linalg.eigvalsh(matrix)[::-1], 0.0)
    shares = np.cumsum(variances) / variances.sum()
    explained = _explained(standard, sample)
    return {
        "correlation_mean": _mean(between),
        "correlation_max": max(between, default=0.0),
        "pca_first_share": shares[0],
        "pca_95_share": (np.searchsorted(shares, 0.95) + 1) / d,
        "association_mean": _mean(explained),
        "association_max": max(explained),
    }


def _explained(standard: FloatArray, sample: _Sample) -> FloatArray:
    """Gives (d,) shares of variance: between classes, or the squared correlation."""
    if sample.n_classes is None:
        y = standardise(sample.y[:, None])
        if not y.shape[1]:
            return np.zeros(standard.shape[1])
        return np.asarray((standard.T @ y[:, 0] / len(y)) ** 2)
    counts = np.bincount(sample.y)  # (k,)
    sums = np.zeros((len(counts), standard.shape[1]))
    np.add.at(sums, sample.y, standard)
    return np.asarray((sums**2 / counts[:, None]).sum(axis=0) / len(standard))


def _information(sample: _Sample) -> dict[str, float]:
    y = bins(sample.y, _BINS) if sample.n_classes is None else _frequent(sample.y)
    target = _entropy(np.bincount(y))
    columns = [bins(column, _BINS) for column in sample.table.values.T]
    entropies = [_entropy(np.bincount(column)) for column in columns]
    joint = [_entropy(np.bincount(column * (y.max() + 1) + y)) for column in columns if len(y)]
    information = [max(a + target - b, 0.0) for a, b in zip(entropies, joint, strict=False)]
    mean = _mean(information)
    n_values = len(np.unique(y))
    return {
        "class_entropy": target / np.log(n_values) if n_values > 1 else 0.0,
        "column_entropy_mean": _mean(entropies) / np.log(_BINS),
        "mutual_information_mean": mean / target if target > 0 else 0.0,
        "mutual_information_max": max(information, default=0.0) / target if target > 0 else 0.0,
        "noise_to_signal": np.arcsinh((_mean(entropies) - mean) / mean) if mean > 1e-9 else 0.0,
    }


def _frequent(y: AnyArray) -> AnyArray:
    """Gives codes in which all but the most frequent classes are one."""
    counts = np.bincount(y, minlength=1)
    ranks = np.empty(len(counts), np.int64)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.minimum(ranks, _MOST_CLASSES)[y]


def _entropy(counts: AnyArray) -> float:
    """Gives the entropy of a distribution in nats."""
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log(shares)).sum())


def _landmarks(sample: _Sample, rng: np.random.Generator, effort: float) -> dict[str, float]:
    rows = pick(rng, len(sample.y), int(_LANDMARK_ROWS * effort))
    standard = sample.table.standardised()
    columns = pick(rng, standard.shape[1], _LANDMARK_COLUMNS)
    X, y = standard[np.ix_(rows, columns)], sample.y[rows]
    scores = landmarks(X, y, sample.n_classes, int(rng.integers(2**31)))
    return scores | {
        "tree_over_linear": scores["shallow_tree"] - scores["linear"],
        "depth_gain": scores["deep_tree"] - scores["decision_stump"],
        "neighbour_over_linear": scores["nearest_neighbour"] - scores["linear"],
    }
