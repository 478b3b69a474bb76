"""How much each past task resembles the present one, from what both have shown."""

from __future__ import annotations

import math

import numpy as np

from autometa.meta.columns import FloatArray
from autometa.meta.evidence import Evidence
from autometa.meta.landscape import Landscape

# A pair that a source orders wrongly by this much of f costs it log2(1 + e) = 1.9 instead of 1.
_SOFTNESS = 0.1
_ORDER_RATE = 1.5
# The n (n - 1) / 2 pairs are far from independent: evidence grows like this power of n.
_GROWTH = 0.6
_UNIFORM = 0.1
# Prior odds of a mirror image, and the least share of all of them from which they are heard: below,
# they would only bend the choices of a past that is right.
_MIRRORED = math.log(0.1)
_LEAST_MIRRORED = 0.25


def order_losses(landscape: Landscape, evidence: Evidence, start: int = 0) -> FloatArray:
    """Gives (2T,) sums of what each source or mirror image loses on pairs that end from `start` on.

    The pair (i, j) costs log2(1 + exp(-s_ij (f_i - f_j) / .1)), s_ij the sign of y_i - y_j; ties
    cost nothing.

    Args:
        landscape: Of the sources.
        evidence: Of the present task.
        start: Position of the first observation that counts as later.
    """
    total = np.zeros(2 * landscape.n_sources)
    values = landscape.worlds[:, evidence.index]  # (2T, n)
    for later in range(max(start, 1), len(evidence)):
        signs = np.sign(evidence.losses[later] - evidence.losses[:later])
        margins = (values[:, later : later + 1] - values[:, :later]) * signs  # (2T, later)
        cost = np.log1p(np.exp(np.clip(-margins / _SOFTNESS, -50.0, 50.0)))
        total += cost @ (signs != 0)
    return np.asarray(total / np.log(2.0))


def n_ordered(evidence: Evidence, start: int = 0) -> int:
    """Gives the number of pairs without ties that `order_losses` counts."""
    y = evidence.losses
    return sum(int((y[j] != y[:j]).sum()) for j in range(max(start, 1), len(evidence)))


def source_weights(
    landscape: Landscape, evidence: Evidence, order_loss: FloatArray, n_pairs: int
) -> FloatArray:
    """Gives (2T,) weights of the sources and their mirror images; they sum to 1.

    log w = - 2 remoteness / (2 + n) - 1.5 n^.6 (mean order loss) - rate (mean squared difference
    of levels), and log .1 less for mirror images, which count from a joint weight of 25 % on; mixed
    with 10 % uniform over the sources themselves. Mirror images tell a past that is wrong
    throughout within a few trials.

    Args:
        landscape: Of the sources.
        evidence: n observations.
        order_loss: (2T,) `order_losses` of all of them.
        n_pairs: `n_ordered` of all of them.
    """
    score = -2.0 * landscape.remoteness / (2.0 + len(evidence))
    score = np.concatenate([score, score + _MIRRORED])
    if n_pairs:
        score -= _ORDER_RATE * len(evidence) ** _GROWTH * order_loss / n_pairs
    levels = landscape.world_levels
    if landscape.level_rate and levels is not None and len(evidence):
        gaps = levels[:, evidence.index] - levels_of(landscape, evidence)
        score -= landscape.level_rate * (gaps**2).mean(axis=1)
    weights = np.exp(score - score.max())
    mirrored = weights[landscape.n_sources :]
    if mirrored.sum() < _LEAST_MIRRORED * weights.sum():
        mirrored[:] = 0.0
    weights *= (1 - _UNIFORM) / weights.sum()
    weights[: landscape.n_sources] += _UNIFORM / landscape.n_sources
    return np.asarray(weights)


def levels_of(landscape: Landscape, evidence: Evidence) -> FloatArray:
    """Gives (n,) levels of the observed losses."""
    if landscape.level_map is None:
        raise ValueError("this landscape has no levels")
    return landscape.level_map(evidence.losses)
