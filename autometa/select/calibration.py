"""Probabilities that mean what they say: one temperature, fitted on held-out predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autometa.combination import FLOOR, Combination, softmax
from autometa.select.evidence import Evidence

PROPER = frozenset({"log_loss", "brier"})
"""Metrics that ask for calibrated probabilities."""

_TEMPERATURES = np.exp(np.linspace(-1.5, 1.5, 31))
_PRIOR_SPREAD = 0.5
"""Standard deviation of the logarithm of the temperature, before any row was seen."""


def calibrated(combination: Combination, evidence: Evidence) -> Combination:
    """Gives the combination with the most likely temperature (log-likelihood, log-normal prior)."""
    logs = np.log(np.clip(combination.apply(evidence.predictions), FLOOR, 1.0))  # (n, k)
    rows = np.arange(len(logs))
    losses = [
        -np.log(np.clip(softmax(logs / t)[rows, evidence.y], FLOOR, 1.0)).sum()
        + 0.5 * (np.log(t) / _PRIOR_SPREAD) ** 2
        for t in _TEMPERATURES
    ]
    return replace(combination, temperature=float(_TEMPERATURES[int(np.argmin(losses))]))
