"""How far two sets of predictions are apart."""

from __future__ import annotations

from typing import Any

import numpy as np

TOLERANCE = 1e-4
"""The largest difference at which a file and its source count as the same."""


def difference(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> float:
    """Gives the largest difference of any row; inf where a number is missing.

    Args:
        expected: (n,) values or (n, k) probabilities of the source; n >= 1.
        got: (n, 1) or (n, k) of the file.

    Returns:
        Of probabilities as it is; of values relative to the value, or to the mean absolute value
        where that is larger.
    """
    wanted = expected[:, None] if expected.ndim == 1 else expected
    if wanted.shape != got.shape:
        return float("inf")
    gap = np.abs(wanted.astype(np.float64) - got)
    if expected.ndim == 1:
        size = np.maximum(np.abs(wanted), np.abs(wanted).mean())
        gap = np.divide(gap, size, out=gap, where=size > 0)
    return float(gap.max()) if np.isfinite(gap).all() else float("inf")
