"""Puts the losses of past tasks on one scale."""

from __future__ import annotations

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray

CAP_QUANTILE = 0.9
"""Without a constant predictor, the loss from which all are equally bad."""


def normalised(losses: FloatArray, failed: AnyArray, baseline: float = np.nan) -> FloatArray:
    """Gives r = clip((y - best) / (cap - best), 0, 1) of one task.

    The cap is the constant predictor's loss where that is known and not the best itself, else
    the quantile `CAP_QUANTILE` of the finite losses.

    Args:
        losses: (n,), NaN = no result.
        failed: (n,) bool; a failure has r = 1.
        baseline: Loss of the constant predictor; NaN = unknown.

    Returns:
        (n,) in [0, 1], NaN where there is neither a result nor a failure; 0 where all are equal.
    """
    regrets = np.where(failed, 1.0, np.nan)
    known = np.isfinite(losses)
    if not known.any():
        return regrets
    found = losses[known]
    best = float(found.min())
    cap = baseline if baseline > best else float(np.quantile(found, CAP_QUANTILE))
    cap = cap if cap > best else float(found.max())
    if not cap > best:
        return np.where(known, 0.0, regrets)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (losses - best) / (cap - best)
    return np.where(known, np.clip(np.nan_to_num(scaled, nan=1.0), 0.0, 1.0), regrets)
