"""What a combination is chosen on: held-out predictions of candidates, and the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.combination import FLOOR
from autometa.measure import Metric, score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Losses = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Rows that no candidate was fitted on.

    Args:
        metric: What is optimised.
        predictions: (c + 1, n) values or (c + 1, n, k) probabilities, best candidate first; the
            last is the constant: for each row that of its fold's training rows.
        y: (n,) truth.
        folds: (n,) fold of each row; the score is the mean over folds. Rows of a fold stand
            together.
        deadline: Moment of `time.monotonic`.
    """

    metric: Metric
    predictions: Array
    y: Array
    folds: Array
    deadline: float = math.inf

    @property
    def n_members(self) -> int:
        """Candidates but the constant."""
        return len(self.predictions) - 1

    @property
    def is_probability(self) -> bool:
        """Whether the predictions are probabilities."""
        return self.predictions.ndim == 3

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() > self.deadline

    def take(self, rows: Array) -> Evidence:
        """Gives the rows of a mask, or of rising positions."""
        return replace(
            self, predictions=self.predictions[:, rows], y=self.y[rows], folds=self.folds[rows]
        )

    def thinned(self, n_rows: int) -> Evidence:
        """Gives every so-manieth row, such that there are at most so many."""
        step = math.ceil(len(self.y) / n_rows)
        return self if step == 1 else self.take(np.arange(0, len(self.y), step))

    def of_members(self, positions: Sequence[int]) -> Evidence:
        """Gives the same rows with some of the candidates only, and the constant."""
        return replace(self, predictions=self.predictions[[*positions, -1]])

    def loss(self, mixed: Array) -> float:
        """Gives the mean over folds, in the minimised sense; inf where a fold cannot be scored.

        Args:
            mixed: (n,) or (n, k) predictions of the rows.
        """
        return mean_loss(self.metric, mixed, self.y, self.folds)

    @property
    def constant(self) -> tuple[float, ...]:
        """The constant of these rows, (k,) or (1,)."""
        mean = self.predictions[-1].mean(axis=0, dtype=np.float64)
        return tuple(np.atleast_1d(mean).tolist())

    def leader(self) -> int:
        """Gives the candidate that is best on these rows."""
        view, losses = self.linear()
        return int(np.argmin(losses(view[:-1])))

    def linear(self) -> tuple[Array, Losses]:
        """Gives what linear pools are made of, and the losses of several pools at once.

        Of log loss only the probability of the truth matters, which makes greedy choices fifty
        times faster; other metrics see whole predictions.
        """
        if self.metric.function == "log_loss":
            rows = np.arange(len(self.y))
            return self.predictions[:, rows, self.y].astype(np.float64), self._log_losses
        if self.metric.function == "rmse":
            return self.predictions.astype(np.float64), self._root_squares
        return self.predictions, lambda mixes: np.array([self.loss(mixed) for mixed in mixes])

    def _log_losses(self, mixes: Array) -> Array:
        """Gives (m,) losses of (m, n) probabilities of the truth."""
        return np.asarray(self._fold_means(-np.log(np.clip(mixes, FLOOR, 1.0))).mean(axis=1))

    def _root_squares(self, mixes: Array) -> Array:
        """Gives (m,) losses of (m, n) values."""
        return np.asarray(np.sqrt(self._fold_means((mixes - self.y) ** 2)).mean(axis=1))

    def _fold_means(self, losses: Array) -> Array:
        """Gives (m, folds) means of (m, n) losses of rows."""
        starts = np.concatenate([[0], np.flatnonzero(np.diff(self.folds)) + 1])
        sizes = np.diff(np.append(starts, len(self.folds)))
        return np.asarray(np.add.reduceat(losses, starts, axis=1) / sizes)


def mean_loss(metric: Metric, predictions: Array, y: Array, folds: Array) -> float:
    """Mean over folds, in the minimised sense; inf where a fold cannot be scored.

    Rows of a fold stand together: slices cost nothing, masks a copy each.
    """
    starts: Sequence[int] = [0, *(np.flatnonzero(np.diff(folds)) + 1), len(folds)]
    losses = [
        metric.loss(score(metric, y[start:end], predictions[start:end]))
        for start, end in pairwise(starts)
    ]
    mean = float(np.mean(losses))
    return mean if math.isfinite(mean) else math.inf
