"""What a trial that was stopped early would have scored."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray

Parts = Mapping[int, float]
"""Losses by fold, or by step."""


def completed(losses: FloatArray, parts: Sequence[Parts], is_partial: AnyArray) -> FloatArray:
    """Gives losses in which those of stopped trials are estimated.

    A stopped trial is compared with the best complete one before it, on the parts (folds, or
    steps) that both have: the mean difference is added to that one's loss. Without such parts it
    stands with its last part, but no better than the middle of the complete trials before it.
    Never better than the best: it was stopped because it was worse. Half to three quarters of the
    trials of a search with folds are stopped; without them a task seems to have no bad region,
    and if all counted as the worst, a close second would look like a failure.

    Args:
        losses: (n,) to minimise, in the order of the trials, NaN where not complete.
        parts: (n,) what is known of each trial.
        is_partial: (n,) bool, the trials to estimate.

    Returns:
        (n,), NaN where there is nothing to go by.
    """
    found = losses.copy()
    seen: list[float] = []
    best = -1
    for row, loss in enumerate(losses.tolist()):
        if math.isfinite(loss):
            seen.append(loss)
            best = row if best < 0 or loss < losses[best] else best
        elif is_partial[row] and seen and parts[row]:
            estimate = _estimate(parts[row], parts[best], float(losses[best]), seen)
            found[row] = max(estimate, float(losses[best]))
    return found


def _estimate(own: Parts, best: Parts, loss: float, seen: Sequence[float]) -> float:
    differences = [own[part] - best[part] for part in own if part in best]
    finite = [difference for difference in differences if math.isfinite(difference)]
    if finite:
        return loss + math.fsum(finite) / len(finite)
    last = own[max(own)]
    return max(last, float(np.median(seen))) if math.isfinite(last) else math.nan
