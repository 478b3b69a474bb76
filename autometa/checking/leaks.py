"""Columns that alone give the target away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from autometa.checking.finding import Finding, Severity, named
from autometa.checking.table import CheckedTable, Floats

NEARLY_ALL = 0.98
"""Share of the way from chance to perfect (balanced accuracy) that only a leak makes alone."""

NEARLY_ALL_VARIANCE = 0.995
"""The same for regression: share of the variance explained."""

_FEWEST_ROWS = 30
_MOST_TRIED = 200
_MOST_CLASSES = 50
_ADVICE = (
    "Ask whether it is known when predictions are made; if not, name it in data.ignore, since "
    "every score rests on it."
)


def check_single_features(table: CheckedTable) -> Iterator[Finding]:
    """Finds columns from which alone held-out rows are predicted nearly without error.

    A warning, not an error: an honest feature may be that good, and only the user can tell. Each
    column predicts by the nearest value that occurs in the other half of a sample, so no shape
    is assumed; a missing value is a value of its own, since gaps leak too. Texts are left out.
    """
    names = [c.name for c in table.schema if c.kind not in ("text", "dropped")]
    rows = table.sample_cells(table.development, names)
    if len(rows) < _FEWEST_ROWS or not names or (table.n_classes or 0) > _MOST_CLASSES:
        return
    y, X = table.y[rows], table.matrix(names, rows)
    limit = NEARLY_ALL_VARIANCE if table.n_classes is None else NEARLY_ALL
    halves = _halves(table, y)
    for index in _promising(X, y, table.n_classes):
        score = _held_out_score(X[:, index], y, table.n_classes, halves)
        if score >= limit:
            yield _finding(table, names[index], X[:, index], y, score)


def _halves(table: CheckedTable, y: np.ndarray) -> np.ndarray:
    """Gives (n,) bool, half of the rows of each class by chance."""
    order = np.random.default_rng([table.seed, 1]).permutation(len(y))
    if table.n_classes is None:
        ranks = np.arange(len(y))
        return np.asarray(ranks[order] % 2 == 0)
    shuffled = order[np.argsort(y[order], kind="stable")]
    halves = np.empty(len(y), dtype=bool)
    halves[shuffled] = np.arange(len(y)) % 2 == 0
    return halves


def _promising(X: Floats, y: np.ndarray, n_classes: int | None) -> Sequence[int]:
    """Gives the columns worth a closer look: all, or those that go best with the target."""
    if X.shape[1] <= _MOST_TRIED:
        return range(X.shape[1])
    targets = y[:, None] if n_classes is None else np.eye(n_classes)[y]
    strength = np.abs(_standard(X).T @ _standard(targets.astype(np.float64))).max(axis=1)
    return sorted(int(i) for i in np.argsort(-strength, kind="stable")[:_MOST_TRIED])


def _standard(values: Floats) -> Floats:
    filled = np.where(np.isnan(values), np.nanmean(_never_empty(values), axis=0), values)
    centred = filled - filled.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(centred / np.where(spread > 0, spread, 1.0))


def _never_empty(values: Floats) -> Floats:
    """Gives a copy in which a column of gaps has one number, for a mean without complaint."""
    empty = np.isnan(values).all(axis=0)
    if not empty.any():
        return values
    values = values.copy()
    values[0, empty] = 0.0
    return values


def _held_out_score(x: Floats, y: np.ndarray, n_classes: int | None, halves: np.ndarray) -> float:
    """Gives R², or how far from chance to perfect the balanced accuracy is."""
    x = _with_gaps_as_value(x)
    predicted = np.empty(len(y))
    for held in (halves, ~halves):
        predicted[held] = _predict(x[~held], y[~held], x[held], n_classes)
    if n_classes is None:
        variance = float(((y - y.mean()) ** 2).mean())
        return 1.0 - float(((y - predicted) ** 2).mean()) / variance if variance > 0 else 0.0
    present = np.unique(y)
    hits = float(np.mean([(predicted[y == c] == c).mean() for c in present]))
    chance = 1.0 / len(present)
    return (hits - chance) / (1.0 - chance) if len(present) > 1 else 0.0


def _with_gaps_as_value(x: Floats) -> Floats:
    gaps = np.isnan(x)
    if not gaps.any():
        return x
    known = x[~gaps]
    if not len(known):
        return np.zeros(len(x))
    return np.where(gaps, known.min() - (np.ptp(known) + 1.0), x)


def _predict(x: Floats, y: np.ndarray, held: Floats, n_classes: int | None) -> np.ndarray:
    """Predicts each held-out row by the rows whose value is nearest to its own."""
    values, positions = np.unique(x, return_inverse=True)
    if n_classes is None:
        answer = np.bincount(positions, weights=y) / np.bincount(positions)
    else:
        cells = np.bincount(positions * n_classes + y, minlength=len(values) * n_classes)
        answer = cells.reshape(-1, n_classes).argmax(axis=1)
    if len(values) == 1:
        return np.full(len(held), answer[0])
    right = np.clip(np.searchsorted(values, held), 1, len(values) - 1)
    is_left = held - values[right - 1] <= values[right] - held
    return np.asarray(answer[np.where(is_left, right - 1, right)])


def _finding(table: CheckedTable, name: str, x: Floats, y: np.ndarray, score: float) -> Finding:
    evidence = {"score": round(score, 4), "n_rows": float(len(y))}
    if table.n_classes == 2:
        evidence["auc"] = round(rank_auc(x, y), 4)
    is_copy = _is_copy(x, y, table.n_classes)
    if is_copy:
        message = f"{named([name])} is a copy of the target {named([table.target])}."
    else:
        message = (
            f"{named([name])} alone tells the target of held-out rows ({_told(score, table)})."
        )
    return Finding(
        check="target_copy" if is_copy else "target_leak",
        severity=Severity.WARNING,
        message=message,
        advice=_ADVICE,
        columns=(name,),
        evidence=evidence,
    )


def _told(score: float, table: CheckedTable) -> str:
    kind = "R²" if table.n_classes is None else "balanced accuracy above chance"
    return f"{kind} {score:.3f} of 1"


def _is_copy(x: Floats, y: np.ndarray, n_classes: int | None) -> bool:
    if np.isnan(x).any():
        return False
    if n_classes is None:
        return bool(np.allclose(x, y, rtol=1e-9, atol=0.0))
    pairs = np.unique(np.stack([x, y.astype(np.float64)]), axis=1).shape[1]
    return bool(pairs == len(np.unique(x)) == len(np.unique(y)))


def rank_auc(x: Floats, y: np.ndarray) -> float:
    """Gives the area under the ROC curve of x for (n,) 0 and 1, in the better direction.

    Ties count half; missing values rank lowest. 0.5 when one of the two is not there.

    Example:
        >>> rank_auc(np.array([3.0, 2.0, 1.0]), np.array([0, 1, 1]))
        1.0
    """
    _, positions, counts = np.unique(
        np.where(np.isnan(x), -np.inf, x), return_inverse=True, return_counts=True
    )
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2.0)[positions]
    n_high = int((y == 1).sum())
    n_low = len(y) - n_high
    if not n_high or not n_low:
        return 0.5
    area = (ranks[y == 1].sum() - n_high * (n_high + 1) / 2.0) / (n_high * n_low)
    return float(max(area, 1.0 - area))
