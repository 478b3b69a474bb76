"""Fewer trees whose leaves say what all of them said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from autometa import CompressContext, Model, NotApplicable
from autometa_compress.teaching import Array, invented_rows

_MOST_ROWS = 20_000
_FOREST_REFIT = 30.0
"""The penalty of forests is so much heavier: their leaves hold few rows, and fit them exactly."""

_STEPS = 40  # of the solver; the start is close


def fewer_trees(model: Any, ratio: float, refit: float, context: CompressContext) -> Model:
    """Keeps the first trees and fits the values of all their leaves together.

    Source: Ren et al. 2015, "Global refinement of random forest", equation 5, with squared error
    against the sums of the whole model instead of the labels, and a penalty on the distance from
    the values that the leaves had (scaled as fits best).

    Args:
        model: With ``n_rounds``, ``first_rounds``, ``raw``, ``leaves``, ``leaf_values`` and
            ``with_leaf_values``, as the tree models of autometa-tabular.
        ratio: Share of the trees that goes, in (0, 1).
        refit: Weight of the penalty, in rows per leaf, > 0.
        context: The rows that are fitted; as many invented ones are added.

    Raises:
        NotApplicable: If no tree would go.
    """
    n = max(1, round((1.0 - ratio) * model.n_rounds))
    if n >= model.n_rounds:
        raise NotApplicable(f"of {model.n_rounds} trees none goes at a ratio of {ratio:.3g}")
    small = model.first_rounds(n)
    X: Any = context.data.X
    rng = context.fit.rng
    if len(X) > _MOST_ROWS:
        X = X.iloc[np.sort(rng.choice(len(X), _MOST_ROWS, replace=False))]
    X = pd.concat([X, invented_rows(X, len(X), rng)], ignore_index=True)
    return small.with_leaf_values(_fitted(small, model.raw(X), X, refit))  # type: ignore[no-any-return]


def _fitted(small: Any, target: Array, X: pd.DataFrame, refit: float) -> Array:
    """Gives the values of leaves, (m, c), with which sums come nearest to `target`, (n, k)."""
    leaves, values = small.leaves(X), np.asarray(small.leaf_values, dtype=np.float64)
    k = target.shape[1]
    now = small.raw(X)
    if values.shape[1] == 1:
        outputs = [np.arange(leaves.shape[1]) % k == o for o in range(k)]
        for o, trees in enumerate(outputs):
            own = np.unique(leaves[:, trees])
            step = _solved(leaves[:, trees], target[:, o] - now[:, o], len(values), refit)
            values[own, 0] += step[own]
        return values
    for o in range(k):
        step = _solved(leaves, target[:, o] - now[:, o], len(values), _FOREST_REFIT * refit)
        values[:, o] += step
    return values


def _solved(leaves: Array, residual: Array, m: int, refit: float) -> Array:
    """Gives (m,) the ridge solution of ``sum over trees of step[leaf] = residual``."""
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import lsqr

    n, t = leaves.shape
    matrix = csr_array((np.ones(n * t), leaves.ravel(), np.arange(0, n * t + 1, t)), shape=(n, m))
    solution: Array = lsqr(matrix, residual, damp=np.sqrt(refit), iter_lim=_STEPS)[0]
    return solution
