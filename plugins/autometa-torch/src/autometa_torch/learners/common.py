"""What all learners of this plugin ask of their rows."""

from __future__ import annotations

import numpy as np
import torch

from autometa import NotApplicable, TrainingData
from autometa_torch.networks import Network

MIN_ROWS_TO_STOP_EARLY = 100
"""Below this an inner split is too small to say which epoch was best."""


def require_something_to_learn(data: TrainingData) -> None:
    """Declines rows of which there is nothing to learn.

    Raises:
        NotApplicable: For fewer than two rows, one class, or equal targets.
    """
    if len(data) < 2:
        raise NotApplicable("a network needs at least two rows")
    if data.n_classes is None:
        if np.ptp(data.y) == 0:
            raise NotApplicable("all targets are equal")
        return
    shares = data.y.sum(axis=0) if data.y.ndim == 2 else np.bincount(data.y)
    if np.count_nonzero(shares) < 2:
        raise NotApplicable("all rows are of one class")


def held_out(n_rows: int) -> float:
    """Gives the share of the rows that tells the best epoch; 0 for few rows."""
    if n_rows < MIN_ROWS_TO_STOP_EARLY:
        return 0.0
    return 0.2 if n_rows < 2000 else min(0.15, 10_000 / n_rows)


_HUSHED = -8.0
"""Logit at which a class starts of which there is no row: the training only lowers it."""


def hush_absent_classes(network: Network, data: TrainingData) -> None:
    """Lets a network start without a belief in classes that have no row."""
    if data.n_classes is None:
        return
    y, k = data.y, data.n_classes
    shares = y.sum(axis=0) if y.ndim == 2 else np.bincount(y, minlength=k)
    absent = torch.from_numpy(np.flatnonzero(shares == 0))
    with torch.no_grad():
        network.head.weight[absent] = 0.0
        network.head.bias[absent] = _HUSHED
