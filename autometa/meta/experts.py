"""Three opinions on which point to try next that past tasks hold, and one of the task itself.

An opinion scores every point (the expected improvement, in a unit of its own) and predicts an
order of all points (the lower, the better), by which it is judged afterwards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.evidence import Evidence
from autometa.meta.landscape import Field, Landscape
from autometa.meta.normal import expected_improvement
from autometa.meta.weights import levels_of

SIMILAR, COVARIANCE, LEVEL, TARGET = "similar", "covariance", "level", "target"
NAMES = (SIMILAR, COVARIANCE, LEVEL, TARGET)

_NOISE = 0.02
_LEAST_DEVIATION = 0.003
# The best loss is taken to lie this share of the observed range below the best observed one.
_BEYOND = 0.1
_TARGET_NOISE = 0.03
_POWER = 1.5


@dataclass(frozen=True)
class Opinion:
    """What one expert says.

    Args:
        scores: (m,) at least 0.
        means: (m,) predicted values in a unit of the expert's own; lower is better.
    """

    scores: FloatArray
    means: FloatArray


def similar(landscape: Landscape, evidence: Evidence, weights: FloatArray) -> Opinion:
    """Expects the present task to be one of the past ones, as likely as its weight.

    a_j = sum_t w_t max(min over observed c of f_tc^1.5 - f_tj^1.5, 0).

    Source: the greedy step of a portfolio (Feurer et al. 2022, section 3.1; Erickson et al.
    2020) on tasks weighted by how well they rank what is known (Feurer et al. 2018, RGPE).
    """
    regrets = landscape.worlds**_POWER
    seen = np.concatenate([evidence.index, evidence.pending])
    means = weights @ landscape.worlds
    if not len(seen):
        return Opinion(1.0 - weights @ regrets, means)
    reached = regrets[:, seen].min(axis=1)[:, None]  # (T, 1)
    return Opinion(weights @ np.maximum(reached - regrets, 0.0), means)


def covariance(landscape: Landscape, evidence: Evidence) -> Opinion:
    """Expects the present task to vary over the points as past ones did.

    A Gaussian process on f, conditioned on f = b sqrt((y - y*) / range), where y* lies a tenth
    of the range below the best and b > 0 maximises the likelihood:
    b^2 x'C^-1 x - b x'C^-1 mu - n = 0.

    Source: empirical mean and covariance as a prior, Wang et al. 2018 (regularised); the scale is
    ours, since the present task's optimum is not known.
    """
    y = evidence.robust()
    spread = float(np.ptp(y)) or 1.0
    x = np.sqrt((y - y.min()) / spread + _BEYOND)
    return _posterior(landscape, landscape.roots, evidence, x, scaled=True)


def level(landscape: Landscape, evidence: Evidence) -> Opinion:
    """Expects the losses themselves to be like those of past tasks: no scale is free.

    The same Gaussian process on levels.
    """
    if landscape.levels is None:
        return covariance(landscape, evidence)
    return _posterior(
        landscape, landscape.levels, evidence, levels_of(landscape, evidence), scaled=False
    )


def _posterior(
    landscape: Landscape, prior: Field, evidence: Evidence, x: FloatArray, *, scaled: bool
) -> Opinion:
    """Conditions a field on its observed values, or on them up to a positive factor."""
    n = len(x)
    seen = np.concatenate([evidence.index, evidence.pending])
    rows = prior.rows(seen, landscape.similarities(seen))  # (n + k, m)
    inverse = _half_inverse(rows[:, seen] + _NOISE * prior.scale / 0.07 * np.eye(len(seen)))
    half = inverse[:n, :n]
    centre = prior.mean[evidence.index]
    if scaled:
        x = _likely_scale(half @ x, half @ centre) * x
    cross = inverse @ rows  # (n + k, m)
    means = prior.mean + cross[:n].T @ (half @ (x - centre))
    variance = prior.diagonal() - (cross**2).sum(axis=0)
    return _improve(means, variance, float(x.min()), evidence.pending)


def _likely_scale(x: FloatArray, centre: FloatArray) -> float:
    square, product = float(x @ x), float(x @ centre)
    return (product + math.sqrt(product**2 + 4.0 * square * len(x))) / (2.0 * square)


def target(landscape: Landscape, evidence: Evidence) -> Opinion:
    """Knows only what the present task has shown; past tasks lend the kernel at most.

    A Gaussian process with constant mean on the standardised losses.
    """
    y = evidence.robust()
    x = (y - y.mean()) / (y.std() or 1.0)
    n = len(x)
    seen = np.concatenate([evidence.index, evidence.pending])
    rows = landscape.similarities(seen)
    inverse = _half_inverse(rows[:, seen] + _TARGET_NOISE * np.eye(len(seen)))
    half = inverse[:n, :n]
    ones = half.sum(axis=1)
    mean = float(ones @ (half @ x)) / float(ones @ ones)
    cross = inverse @ rows
    means = mean + cross[:n].T @ (half @ (x - mean))
    return _improve(means, 1.0 - (cross**2).sum(axis=0), float(x.min()), evidence.pending)


def _half_inverse(gram: FloatArray) -> FloatArray:
    """Gives the inverse of the Cholesky factor; its leading block belongs to the first points."""
    return np.asarray(np.linalg.inv(np.linalg.cholesky(gram)))


def _improve(means: FloatArray, variance: FloatArray, best: float, pending: AnyArray) -> Opinion:
    """Pending points count as observed at their mean, which the variance already reflects."""
    if len(pending):
        best = min(best, float(means[pending].min()))
    deviation = np.sqrt(np.maximum(variance, _LEAST_DEVIATION**2))
    return Opinion(expected_improvement(means, deviation, best), means)
