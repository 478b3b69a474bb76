"""When to stop a trial: after some of its folds, or within the fit of the first.

Paired comparison with the incumbent: on the folds that both have, the mean difference of losses
estimates the final difference with standard error ``s * sqrt(1/m - 1/K)`` (m of K folds, sampled
without replacement), where s is how much differences to the incumbent vary over folds within
complete trials. A trial goes on while the final difference may still be small.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

MIN_HISTORY = 3
"""Complete trials besides the incumbent before anything is pruned."""

CONFIDENCE = 1.65
"""One-sided 95 % of the normal distribution."""


def should_prune(
    losses: Sequence[float], history: Sequence[Sequence[float]], *, slack: float = 1.0
) -> bool:
    """Whether the folds seen so far show that a trial will not be near the best.

    Args:
        losses: Of the trial's finished folds, in fold order; smaller is better.
        history: Of complete trials, each all K folds.
        slack: Standard errors of a full comparison within which a trial is worth finishing
            though worse: it may serve in the ensemble.

    Returns:
        False when all folds are there, or while there is too little to compare with.
    """
    if len(history) <= MIN_HISTORY or not losses:
        return False
    best = min(history, key=statistics.fmean)
    m, n_folds = len(losses), len(best)
    if m >= n_folds:
        return False
    spread = _spread(best, history)
    difference = statistics.fmean(a - b for a, b in zip(losses, best, strict=False))
    error = spread * math.sqrt(1 / m - 1 / n_folds)
    return difference - CONFIDENCE * error > slack * spread / math.sqrt(n_folds)


def _spread(best: Sequence[float], history: Sequence[Sequence[float]]) -> float:
    """Gives the typical standard deviation over folds of the difference to the incumbent."""
    spreads = [
        _deviation([a - b for a, b in zip(losses, best, strict=True)])
        for losses in history
        if losses is not best and len(losses) == len(best)
    ]
    return statistics.median(spreads) if spreads else math.inf


def _deviation(values: Sequence[float]) -> float:
    """Gives the sample standard deviation; `statistics.stdev` takes a hundred times as long."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def keep_below(history: Sequence[Sequence[float]], n_kept: int, fold: int) -> float:
    """Gives the loss on one fold above which a model is not worth writing to disk.

    Args:
        history: Fold losses of complete trials.
        n_kept: How many trials' models are kept.
        fold: Index of the fold.

    Returns:
        The worst of that fold among the `n_kept` best trials, with half the range to the best
        on top; inf while there are fewer trials.
    """
    if len(history) < n_kept:
        return math.inf
    kept = sorted(history, key=statistics.fmean)[:n_kept]
    values = [losses[fold] for losses in kept if fold < len(losses)]
    return max(values) + 0.5 * (max(values) - min(values))


MIN_RIVALS = 4
"""Fits that reached a rung before another is ended there."""


def rung_limits(history: Sequence[Mapping[int, float]]) -> list[tuple[int, float]]:
    """Gives the loss at each rung above which a fit is ended: the middle of those before it.

    With rungs at powers of two this is successive halving with a reduction factor of 2.

    Args:
        history: Loss by rung of earlier fits of the same learner, ended ones too.
    """
    rungs = sorted({rung for reached in history for rung in reached})
    found = [(rung, [reached[rung] for reached in history if rung in reached]) for rung in rungs]
    return [(rung, statistics.median(ls)) for rung, ls in found if len(ls) >= MIN_RIVALS]
