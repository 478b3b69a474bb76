"""Ways to combine candidates: greedy, bagged greedy, voting, stacking.

Each gives a `Pool` from `Evidence`; which one is delivered is decided by `ensemble.choose`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.combination import FLOOR, LINEAR, LOGARITHMIC, Pool, softmax
from autometa.select.evidence import Evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MAX_ROUNDS = 30
N_BAGS = 8
VOTERS = (3, 6, 12)
"""How many of the best candidates may vote."""

_PRIOR_SPREAD = 0.5
"""Standard deviation, under the stackers' prior, of the sum of all weights and of each bias."""

_IDLE = 0.01
"""Share of all weights below which a member is not worth its place in the model folder."""


def greedy(evidence: Evidence) -> Pool:
    """Adds to the leader what helps most, with replacement, as long as something helps.

    Source: Caruana et al., "Ensemble Selection from Libraries of Models", ICML 2004, section 2.
    Deviation: the constant is one of the candidates, which shrinks towards the base rate.
    """
    view, losses_of = evidence.linear()
    counts = np.zeros(len(view))
    leader = evidence.leader()
    counts[leader] = 1
    total = view[leader].astype(np.float64)  # sum of the chosen
    best = float(losses_of(total[None])[0])
    for size in range(2, MAX_ROUNDS + 1):
        if evidence.is_late:
            break
        losses = losses_of((total + view) / size)
        chosen = int(np.argmin(losses))
        if not losses[chosen] < best:
            break
        best = float(losses[chosen])
        counts[chosen] += 1
        total += view[chosen]
    return _linear(counts)


def bagged(evidence: Evidence) -> Pool:
    """Averages greedy choices on resampled rows: less of what only luck has chosen.

    Source: Caruana, Munson & Niculescu-Mizil, "Getting the Most Out of Ensemble Selection", ICDM
    2006, section 2.3; rows are resampled (within folds) instead of candidates.
    """
    rng = np.random.default_rng(len(evidence.y))
    total = np.zeros(len(evidence.predictions))
    for _ in range(N_BAGS):
        if evidence.is_late:
            break
        rows = _resampled(evidence.folds, rng)
        total += np.array(greedy(evidence.take(rows)).weights)
    return _linear(total) if total.any() else greedy(evidence)


def voting(evidence: Evidence) -> Pool:
    """Averages the best few, all with the same weight."""
    view, losses_of = evidence.linear()
    order = np.argsort(losses_of(view[:-1]), kind="stable")
    ballots = [order[:n_voters] for n_voters in VOTERS]
    losses = losses_of(np.stack([view[members].mean(axis=0) for members in ballots]))
    chosen = ballots[int(np.argmin(losses))]
    weights = np.zeros(len(evidence.predictions))
    weights[chosen] = 1
    return _linear(weights)


def stacked(evidence: Evidence) -> Pool:
    """Fits weights >= 0 and a bias: on logarithms of probabilities, or on values.

    A normal prior holds the weights near a plain average, and the bias near 0: with few rows
    little else is known. Sources: Wolpert, "Stacked Generalization", Neural Networks 1992;
    Breiman, "Stacked Regressions", Machine Learning 1996 (weights >= 0).
    """
    from scipy.optimize import minimize

    objective, n_bias = _likelihood(evidence) if evidence.is_probability else _squares(evidence)
    c = len(evidence.predictions)
    start = np.full(c + n_bias, 1.0 / evidence.n_members)
    start[evidence.n_members :] = 0.0
    spread = np.full(c + n_bias, _PRIOR_SPREAD)
    spread[:c] /= np.sqrt(c)

    def penalised(values: Array) -> tuple[float, Array]:
        loss, gradient = objective(values)
        gap = (values - start) / spread
        return loss + 0.5 * float(gap @ gap), gradient + gap / spread

    bounds = [(0.0, None)] * c + [(None, None)] * n_bias
    found = minimize(
        penalised, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 100}
    )
    weights, bias = found.x[:c], found.x[c:]
    if not weights[:-1].any():
        weights = start[:c]
    weights = np.where(weights < _IDLE * weights.sum(), 0.0, weights)
    if evidence.is_probability:
        return Pool(LOGARITHMIC, tuple(weights.tolist()), tuple(bias.tolist()))
    # Values were standardised for the fit.
    return Pool(LINEAR, tuple(weights.tolist()), _bias_of(evidence, weights, float(bias[0])))


def _likelihood(evidence: Evidence) -> tuple[Any, int]:
    """Gives the negative log-likelihood of a logarithmic pool, and how many biases it has."""
    logs = np.log(np.clip(evidence.predictions, FLOOR, 1.0).astype(np.float64))  # (c + 1, n, k)
    c, _, k = logs.shape
    truth = np.eye(k)[evidence.y]

    def objective(values: Array) -> tuple[float, Array]:
        p = softmax(np.tensordot(values[:c], logs, axes=1) + values[c:])
        residual = p - truth
        loss = -float(np.log(np.clip(p[np.arange(len(p)), evidence.y], 1e-300, None)).sum())
        return loss, np.concatenate([np.tensordot(logs, residual, axes=2), residual.sum(axis=0)])

    return objective, k


def _squares(evidence: Evidence) -> tuple[Any, int]:
    """Gives half the squared error over its variance at the leader, and one bias."""
    center, spread = _scale(evidence)
    P = (evidence.predictions.astype(np.float64) - center) / spread  # (c + 1, n)
    y = (evidence.y - center) / spread
    variance = max(float(((P[evidence.leader()] - y) ** 2).mean()), 1e-12)
    c = len(P)

    def objective(values: Array) -> tuple[float, Array]:
        gap = values[:c] @ P + values[c] - y
        gradient = np.append(P @ gap, gap.sum()) / variance
        return 0.5 * float(gap @ gap) / variance, gradient

    return objective, 1


def _scale(evidence: Evidence) -> tuple[float, float]:
    return float(evidence.y.mean()), float(evidence.y.std()) or 1.0


def _bias_of(evidence: Evidence, weights: Array, bias: float) -> tuple[float]:
    center, spread = _scale(evidence)
    return (bias * spread + center * (1.0 - float(weights.sum())),)


def _linear(weights: Array) -> Pool:
    return Pool(LINEAR, tuple((weights / weights.sum()).tolist()))


def _resampled(folds: Array, rng: np.random.Generator) -> Array:
    """Draws rows with replacement within each fold, rising."""
    drawn = []
    for fold in np.unique(folds):
        members = np.flatnonzero(folds == fold)
        drawn.append(np.sort(rng.choice(members, size=len(members))))
    return np.concatenate(drawn)
