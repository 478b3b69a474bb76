"""A fixed list of points of which each complements those before it."""

from __future__ import annotations

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray

# Past tasks may all favour one learner that this task cannot use well.
_MOST_OF_A_BRANCH, _AMONG = 2, 5


def greedy(
    regrets: FloatArray,
    n: int,
    *,
    costs: FloatArray | None = None,
    branches: AnyArray | None = None,
) -> list[int]:
    """Gives at most n points, each the argmax of mean_t max(cur_t - r_tj, 0) / cost_j.

    The first is the one of least mean r, per cost likewise; at most two of one branch are among
    the first five, as long as there is another.

    Args:
        regrets: (T, m) in [0, 1].
        n: How many.
        costs: (m,) positive.
        branches: (m,) codes, such as of the learner.

    Source: greedy submodular portfolios, Feurer et al. 2022, algorithm 1.
    """
    costs = np.ones(regrets.shape[1]) if costs is None else costs
    current = np.ones(len(regrets))
    chosen: list[int] = []
    for _ in range(min(n, regrets.shape[1])):
        gains = np.maximum(current[:, None] - regrets, 0.0).mean(axis=0) / costs
        # Where nothing improves any task, go on by the mean.
        gains += 1e-9 * (1.0 - regrets.mean(axis=0))
        gains[chosen] = -np.inf
        crowded = _crowded(branches, chosen)
        if crowded is not None and np.isfinite(gains[~crowded]).any():
            gains[crowded] = -np.inf
        best = int(gains.argmax())
        chosen.append(best)
        current = np.minimum(current, regrets[:, best])
    return chosen


def _crowded(branches: AnyArray | None, chosen: list[int]) -> AnyArray | None:
    """Gives (m,) bool of points whose branch has had its share of the first five."""
    if branches is None or len(chosen) >= _AMONG:
        return None
    codes, counts = np.unique(branches[chosen], return_counts=True)
    full = codes[counts >= _MOST_OF_A_BRANCH]
    return np.isin(branches, full) if len(full) else None
