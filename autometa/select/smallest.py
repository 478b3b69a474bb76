"""The smallest candidate that is as good as the best, as far as few rows can tell.

Where a small deliverable is wanted, what is better by less than a standard error is not worth more
bytes (the one-standard-error rule: Breiman, Friedman, Olshen & Stone, "Classification and
Regression Trees", 1984, section 3.4.3). The standard error of the difference is that of a jackknife
over groups of rows (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, section 11.5),
so that it holds for any metric.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.measure import score
from autometa.select.evidence import Evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

N_GROUPS = 20
MAX_ROWS = 20_000


def smallest(evidence: Evidence, best: Array, sizes: Sequence[float]) -> int | None:
    """Gives a candidate; None when none is as good, or there is no time.

    Args:
        evidence: Held-out rows and what the candidates say of them.
        best: (n,) or (n, k) what the best that could be delivered says of these rows.
        sizes: Of the candidates.
    """
    for index in sorted(range(len(sizes)), key=lambda i: (sizes[i], i)):
        if evidence.is_late:
            return None
        gap, error = difference(evidence, evidence.predictions[index], best)
        if gap <= error:
            return index
    return None


def difference(evidence: Evidence, predictions: Array, than: Array) -> tuple[float, float]:
    """Gives by how much predictions lose more than others, and the standard error of that.

    Infinite and 0 where a group of rows cannot be left out of the metric.

    Args:
        evidence: The rows.
        predictions: (n,) or (n, k).
        than: The same of the others.
    """
    step = math.ceil(len(evidence.y) / MAX_ROWS)
    y, a, b = evidence.y[::step], predictions[::step], than[::step]
    groups = np.arange(len(y)) % min(N_GROUPS, len(y))
    without = np.array([_gap(evidence, y, a, b, groups != group) for group in np.unique(groups)])
    gap = _gap(evidence, y, a, b, np.ones(len(y), dtype=bool))
    if not (math.isfinite(gap) and np.isfinite(without).all()):
        return math.inf, 0.0
    return gap, math.sqrt((len(without) - 1) * float(np.var(without)))


def _gap(evidence: Evidence, y: Array, a: Array, b: Array, kept: Array) -> float:
    metric = evidence.metric
    own, other = (metric.loss(score(metric, y[kept], part[kept])) for part in (a, b))
    return own - other
