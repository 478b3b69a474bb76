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
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.select.evidence import Evidence, mean_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

N_GROUPS = 20
MAX_ROWS = 2_000
"""Rows beyond which every so-manieth is asked, as a ranking metric takes its time."""


def smallest(evidence: Evidence, best: Array, sizes: Sequence[float]) -> int | None:
    """Gives a candidate; None when none is as good, or there is no time.

    Args:
        evidence: Held-out rows and what the candidates say of them.
        best: (n,) or (n, k) what the best that could be delivered says of these rows.
        sizes: Of the candidates.
    """
    rows = replace(evidence, predictions=np.concatenate([evidence.predictions, best[None]]))
    rows = rows.thinned(MAX_ROWS)
    reference = left_out(rows, rows.predictions[-1])
    for index in sorted(range(len(sizes)), key=lambda i: (sizes[i], i)):
        if evidence.is_late:
            return None
        gap, error = difference(left_out(rows, rows.predictions[index]), reference)
        if gap <= error:
            return index
    return None


def left_out(evidence: Evidence, predictions: Array) -> Array:
    """Gives (groups + 1,) losses: without one group of rows after another, then of all rows.

    Args:
        evidence: The rows.
        predictions: (n,) or (n, k) what is said of them.
    """
    y, folds = evidence.y, evidence.folds
    groups = np.arange(len(y)) % min(N_GROUPS, len(y))
    kept = [groups != group for group in np.unique(groups)]
    return np.array(
        [
            mean_loss(evidence.metric, predictions[rows], y[rows], folds[rows])
            for rows in (*kept, np.ones(len(y), dtype=bool))
        ]
    )


def difference(losses: Array, than: Array) -> tuple[float, float]:
    """Gives by how much more is lost than by something else, and the standard error of that.

    Infinite and 0 where a group of rows cannot be left out of the metric.

    Args:
        losses: As `left_out` gives them.
        than: The same of the other.
    """
    if not (np.isfinite(losses).all() and np.isfinite(than).all()):
        return math.inf, 0.0
    *without, gap = losses - than
    return float(gap), math.sqrt((len(without) - 1) * float(np.var(without)))
