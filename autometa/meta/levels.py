"""Whether the height of a loss says which past tasks are alike."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from autometa.meta.columns import FloatArray

RATE = 3.0
# Versions of one data set agree in everything and would make any rate look good.
_NEARLY_SAME = 0.97
_TOLERANCE = 1.02
_FEWEST = 10
_MOST_KNOTS = 512
# Keeps the logarithm of an error of 0 within reach of the others.
_SHARE_OFFSET, _AMOUNT_OFFSET = 0.01, 0.01


@dataclass(frozen=True)
class LevelMap:
    """Turns losses into levels: comparable between tasks of one metric, standard deviation 1.

    A share (an error rate, or one minus an accuracy) is taken by its logit, a positive amount by
    its logarithm, anything else by its normal score among all past losses.

    Args:
        kind: ``share``, ``amount`` or ``rank``.
        offset: What is added to a loss first.
        scale: What the result is divided by.
        knots: (k,) rising losses and their scores, for ``rank``.
    """

    kind: str
    offset: float
    scale: float
    knots: tuple[FloatArray, FloatArray]

    @classmethod
    def fit(cls, losses: FloatArray) -> LevelMap:
        """Learns the map from all (n,) finite losses of past tasks."""
        low, high = float(losses.min()), float(losses.max())
        kind, offset = "rank", 0.0
        if low >= -1.0 and high <= 1.0 and (low >= 0.0 or high <= 0.0):
            kind, offset = "share", 0.0 if low >= 0.0 else 1.0
        elif low >= 0.0:
            kind, offset = "amount", max(_AMOUNT_OFFSET * float(np.median(losses)), 1e-300)
        raw = cls(kind, offset, 1.0, _normal_scores(losses))
        return cls(kind, offset, float(raw(losses).std()) or 1.0, raw.knots)

    def __call__(self, losses: FloatArray) -> FloatArray:
        """Gives (n,) levels."""
        shifted = losses + self.offset
        if self.kind == "share":
            share = np.clip(shifted, 0.0, 1.0)
            levels = np.log((share + _SHARE_OFFSET) / (1.0 + _SHARE_OFFSET - share))
        elif self.kind == "amount":
            levels = np.log(np.maximum(shifted, self.offset))
        else:
            levels = np.interp(losses, *self.knots)
        return np.asarray(levels / self.scale)


def _normal_scores(losses: FloatArray) -> tuple[FloatArray, FloatArray]:
    n = min(len(losses), _MOST_KNOTS)
    shares = (np.arange(n) + 0.5) / n
    scores = np.array([NormalDist().inv_cdf(share) for share in shares])
    knots, first = np.unique(np.quantile(losses, shares), return_index=True)
    last = np.append(first[1:], n) - 1
    return knots, (scores[first] + scores[last]) / 2


def level_rate(regrets: FloatArray, levels: FloatArray) -> float:
    """Gives the rate at which a squared difference of levels should count against a source.

    Every past task in turn is the present one. After the point that is best on average, the
    others are weighted by exp(-3 (level difference there)^2) and choose a second point greedily;
    near-duplicates do not vote. Where the mean regret after both is more than 2 % above that
    with equal weights, losses of these tasks are not comparable, and the rate is 0; else 3.

    Args:
        regrets: (T, m) normalised, in [0, 1].
        levels: (T, m) normal scores of the losses.
    """
    n_tasks, n_points = regrets.shape
    if n_tasks < _FEWEST or n_points < 3:
        return 0.0
    first = int(regrets.mean(axis=0).argmin())
    gains = np.maximum(regrets[:, first : first + 1] - regrets, 0.0)  # (T, m)
    allowed = np.logical_not(_nearly_same(regrets))
    gaps = (levels[:, first][:, None] - levels[:, first][None, :]) ** 2  # (T, T)
    equal = _second(regrets, gains, first, allowed.astype(float))
    weighted = _second(regrets, gains, first, np.exp(-RATE * gaps) * allowed)
    return RATE if weighted <= _TOLERANCE * equal else 0.0


def _second(regrets: FloatArray, gains: FloatArray, first: int, weights: FloatArray) -> float:
    """Gives the mean regret after the second, greedily chosen point."""
    # A little of everybody, so that a task unlike all others still gets a choice.
    mixed = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300) + 0.1 / len(weights)
    second = (mixed @ gains).argmax(axis=1)
    after = np.minimum(regrets[:, first], regrets[np.arange(len(regrets)), second])
    return float(after.mean())


def _nearly_same(regrets: FloatArray) -> FloatArray:
    """Gives (T, T) bool: the same task, or profiles that correlate above .97."""
    centred = regrets - regrets.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=1))
    unit = centred / np.maximum(norms, 1e-12)[:, None]
    same = unit @ unit.T > _NEARLY_SAME
    np.fill_diagonal(same, val=True)
    return np.asarray(same)
