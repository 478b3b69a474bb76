"""Which classes occur in the training rows, and how the others get their probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autometa import TrainingData

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes a learner sees, out of those the task has.

    Args:
        present: Indices of the classes that occur, rising.
        n_classes: How many the task has.
        floor: Probability that each absent class gets.
    """

    present: tuple[int, ...]
    n_classes: int
    floor: float

    @classmethod
    def of(cls, data: TrainingData) -> Classes:
        """Looks at the labels, hard or soft. The floor is that of one more row (Laplace)."""
        if data.n_classes is None:
            raise ValueError("regression has no classes")
        shares = data.y.sum(axis=0) if data.y.ndim == 2 else np.bincount(data.y)
        present = tuple(int(index) for index in np.flatnonzero(shares > 0))
        return cls(present, data.n_classes, 1.0 / (len(data) + data.n_classes))

    def compress(self, y: Array) -> Array:
        """Renumbers class indices (n,), or drops absent columns of soft labels (n, k)."""
        if y.ndim == 2:
            kept = y[:, list(self.present)]
            shares: Array = kept / kept.sum(axis=1, keepdims=True)
            return shares
        renumbered: Array = np.searchsorted(self.present, y)
        return renumbered

    def expand(self, probabilities: Array) -> Array:
        """Gives (n, n_classes) from the probabilities of the present ones, (n, n_present)."""
        n_absent = self.n_classes - len(self.present)
        if not n_absent:
            return probabilities
        full = np.full((len(probabilities), self.n_classes), self.floor)
        full[:, list(self.present)] = probabilities * (1.0 - n_absent * self.floor)
        return full

    def to_json(self) -> dict[str, Any]:
        """Gives a dict that `json` can write."""
        return {
            "present": list(self.present),
            "n_classes": self.n_classes,
            "floor": self.floor,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> Classes | None:
        """Reads what `to_json` gave; None stays None."""
        if data is None:
            return None
        return cls(tuple(data["present"]), data["n_classes"], data["floor"])


def one_hot(y: Array, n_classes: int) -> Array:
    """Gives soft labels (n, n_classes) float64 of hard ones (n,); soft ones stay."""
    return y.astype(np.float64) if y.ndim == 2 else np.eye(n_classes)[y]


def balanced(weight: Array, y: Array, n_classes: int) -> Array:
    """Reweights rows so that all present classes have the same total weight.

    A row of soft labels gets the mean of its classes' factors. The mean weight stays.
    """
    shares = one_hot(y, n_classes)
    totals = weight @ shares
    factors = np.divide(weight.sum(), totals * n_classes, out=np.zeros(n_classes), where=totals > 0)
    reweighted: Array = weight * (shares @ factors)
    return reweighted


def hard_rows(y: Array, weight: Array) -> tuple[Array, Array, Array]:
    """Turns soft labels into several weighted rows each, for learners of hard labels only.

    The weighted cross-entropy is the same as with the soft labels, but for shares below 1 % of the
    row's largest, which are dropped; the largest share of each class stays.

    Returns:
        rows (m,), labels (m,), weights (m,).
    """
    if y.ndim == 1:
        return np.arange(len(y)), y, weight
    kept = y >= 0.01 * y.max(axis=1, keepdims=True)
    kept[y.argmax(axis=0), np.arange(y.shape[1])] = True
    shares = np.where(kept, y, 0.0)
    shares /= shares.sum(axis=1, keepdims=True)
    rows, labels = np.nonzero(shares)
    return rows, labels, weight[rows] * shares[rows, labels]
