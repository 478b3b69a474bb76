"""The normal distribution, vectorised, without SciPy: the search must start light."""

from __future__ import annotations

import numpy as np

from autometa.meta.columns import FloatArray

_ROOT_2PI = 2.5066282746310002
# Abramowitz and Stegun, 7.1.26; absolute error below 1.5e-7.
_ERF = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)


def density(z: FloatArray) -> FloatArray:
    """Gives the standard normal density."""
    return np.asarray(np.exp(-0.5 * z * z) / _ROOT_2PI)


def probability(z: FloatArray) -> FloatArray:
    """Gives the standard normal distribution function, within 1e-7."""
    x = np.abs(z) / np.sqrt(2.0)
    t = 1.0 / (1.0 + 0.3275911 * x)
    poly = t * (_ERF[0] + t * (_ERF[1] + t * (_ERF[2] + t * (_ERF[3] + t * _ERF[4]))))
    tail = 0.5 * poly * np.exp(-x * x)
    return np.asarray(np.where(z > 0, 1.0 - tail, tail))


def expected_improvement(mean: FloatArray, deviation: FloatArray, best: float) -> FloatArray:
    """Gives E[max(best - Y, 0)] for Y normal.

    Args:
        mean: (m,) of Y.
        deviation: (m,) positive.
        best: What must be undercut.

    Source: Jones, Schonlau and Welch 1998, equation 15, for minimisation.
    """
    z = (best - mean) / deviation
    return np.asarray(np.maximum(deviation * (z * probability(z) + density(z)), 0.0))
