"""Whether the test part comes from where the development part comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from autometa.checking.finding import Finding, Severity, named
from autometa.checking.leaks import rank_auc
from autometa.checking.table import MOST_CELLS, CheckedTable, Floats
from autometa.split import Mask

_MOST_ROWS = 1_000  # of each part
_MOST_COLUMNS = 100
_FEWEST_ROWS = 20
_LEAST_AUC = 0.65
_ERRORS = 4.0  # standard errors above chance
_LEAST_DIFFERENCE = 0.25
_LARGEST = 9.0
_RIDGE = 1.0


def check_drift(table: CheckedTable) -> Iterator[Finding]:
    """Finds out whether a simple classifier can tell test rows from development rows.

    It is linear in the ranks of each column and in their distance from the middle; columns are
    chosen and weighted on one half of a sample and judged on the other. The columns that differ
    most are named, by the difference of means (of level shares for categories) in standard
    deviations.
    """
    names = [c.name for c in table.schema if c.kind not in ("text", "dropped")]
    most = min(_MOST_ROWS, max(100, MOST_CELLS // (2 * max(1, len(names)))))
    test, development = table.sample(table.test, most), table.sample(table.development, most)
    if min(len(test), len(development)) < _FEWEST_ROWS or not names:
        return
    X = table.matrix(names, np.concatenate([development, test]))
    is_test = np.repeat([False, True], [len(development), len(test)])
    is_level = np.array([table.schema[name].kind == "categorical" for name in names])
    auc = _domain_auc(X, is_test, is_level, seed=table.seed)
    if auc < max(_LEAST_AUC, 0.5 + _ERRORS * _standard_error(len(development), len(test))):
        return
    differences = _differences(X, is_test, is_level)
    worst = [int(i) for i in np.argsort(-differences, kind="stable")[:3]]
    worst = [i for i in worst if differences[i] >= _LEAST_DIFFERENCE]
    yield _finding(auc, {names[i]: float(differences[i]) for i in worst})


def _finding(auc: float, differing: Mapping[str, float]) -> Finding:
    shown = "; ".join(f"{named([name])} by {value:.2f}" for name, value in differing.items())
    more = f" Columns that differ, in standard deviations: {shown}." if differing else ""
    return Finding(
        check="drift",
        severity=Severity.WARNING,
        message=f"Test and development rows can be told apart (AUC {auc:.2f}).{more}",
        advice=(
            "Expect the test score to differ from the search's; look at how the two parts were "
            "made, and leave out columns that only say which part a row is of."
        ),
        columns=tuple(differing),
        evidence={
            "auc": round(auc, 4),
            **{f"difference {name}": round(value, 4) for name, value in differing.items()},
        },
    )


def _standard_error(n_first: int, n_second: int) -> float:
    """Of the AUC of a classifier that knows nothing. Source: Hanley and McNeil (1982)."""
    return float(np.sqrt((n_first + n_second + 1) / (12.0 * n_first * n_second)))


def _differences(X: Floats, is_test: Mask, is_level: Mask) -> Floats:
    """Gives (d,) standardised differences between the two parts, in [0, 9]."""
    differences = _of_means(X[~is_test], X[is_test])
    for index in np.flatnonzero(is_level):
        differences[index] = _of_levels(X[:, index], is_test)
    return np.minimum(differences, _LARGEST)


def _of_means(first: Floats, second: Floats) -> Floats:
    """Gives (d,) differences of means; two different constants are as far apart as can be."""
    parts = [_moments(part) for part in (first, second)]
    difference = np.abs(parts[0][0] - parts[1][0])
    spread = np.sqrt((parts[0][1] + parts[1][1]) / 2.0)
    apart = np.where(difference > 0, _LARGEST, 0.0)
    return np.divide(difference, spread, out=apart, where=spread > 0)


def _moments(X: Floats) -> tuple[Floats, Floats]:
    """Gives (d,) means and variances of what is there; 0 and 0 of a column of gaps."""
    known = ~np.isnan(X)
    n = np.maximum(1, known.sum(axis=0))
    filled = np.where(known, X, 0.0)
    mean = filled.sum(axis=0) / n
    return mean, (np.where(known, filled - mean, 0.0) ** 2).sum(axis=0) / n


def _of_levels(values: Floats, is_test: Mask) -> float:
    """Gives the largest difference of a common level's share, in its standard deviations."""
    _, codes = np.unique(values, return_inverse=True)
    n_levels = int(codes.max()) + 1
    counts = np.stack([np.bincount(codes[is_test == p], minlength=n_levels) for p in (False, True)])
    shares = counts / counts.sum(axis=1, keepdims=True)
    spread = np.sqrt((shares * (1.0 - shares)).mean(axis=0))
    common = counts.sum(axis=0) >= _FEWEST_ROWS
    if not common.any():
        return 0.0
    difference = np.abs(shares[0] - shares[1])[common]
    return float((difference / np.maximum(spread[common], 1e-9)).max())


def _domain_auc(X: Floats, is_test: Mask, is_level: Mask, *, seed: int) -> float:
    """Gives the AUC on held-out rows of a ridge regression on which part a row is of."""
    half = np.random.default_rng([seed, 3]).permutation(len(X)) % 2 == 0
    areas = []
    for held in (half, ~half):
        differences = _differences(X[~held], is_test[~held], is_level)
        chosen = np.sort(np.argsort(-differences, kind="stable")[:_MOST_COLUMNS])
        Z = _features(X[:, chosen])
        scores = Z[held] @ _ridge(Z[~held], is_test[~held])
        areas.append(_directed_auc(scores, is_test[held]))
    return float(np.mean(areas))


def _ridge(Z: Floats, is_test: Mask) -> Floats:
    """Gives the weights of a regression on ±1 in which both parts weigh the same."""
    n_test = max(1, int(is_test.sum()))
    w = np.where(is_test, 0.5 / n_test, 0.5 / max(1, len(Z) - n_test))
    A = Z.T @ (w[:, None] * Z)
    A[np.diag_indices_from(A)] += _RIDGE / np.sqrt(len(Z))
    return np.asarray(np.linalg.solve(A, Z.T @ (w * np.where(is_test, 1.0, -1.0))))


def _directed_auc(scores: Floats, is_test: Mask) -> float:
    """Gives the AUC in the direction of the scores: worse than chance is no drift."""
    if is_test.all() or not is_test.any():
        return 0.5
    area = rank_auc(scores, is_test.astype(np.int64))
    return area if scores[is_test].mean() >= scores[~is_test].mean() else 1.0 - area


def _features(X: Floats) -> Floats:
    """Gives (n, 2 d + gaps + 1): centred ranks, how far they are from the middle, gaps, and 1."""
    ranks = np.zeros_like(X)
    for index in range(X.shape[1]):
        known = ~np.isnan(X[:, index])
        ranks[known, index] = _ranks(X[known, index])
    gaps = np.isnan(X).astype(np.float64)
    Z = np.hstack([ranks, np.abs(ranks), gaps[:, gaps.any(axis=0)]])
    return np.hstack([Z - Z.mean(axis=0), np.ones((len(X), 1))])


def _ranks(values: Floats) -> Floats:
    """Gives (n,) ranks in [-1, 1], equal for equal values."""
    _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - (counts - 1) / 2.0) / max(1, len(values))
    return np.asarray(2.0 * middle[positions] - 1.0)
