"""What a search has seen so far, on the points of a landscape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """Observations in the order of their trials, and points that wait for their result.

    Args:
        index: (n,) observed points, repeats allowed.
        losses: (n,) to be minimised, finite.
        pending: (k,) points.
    """

    index: AnyArray
    losses: FloatArray
    pending: AnyArray = field(default_factory=lambda: np.empty(0, int))

    @classmethod
    def of(
        cls, index: Sequence[int], losses: Sequence[float] | FloatArray, pending: Sequence[int] = ()
    ) -> Evidence:
        """Takes losses as they came: one that is not finite counts as the worst finite one."""
        values = np.asarray(losses, np.float64)
        known = values[np.isfinite(values)]
        worst = float(known.max()) if len(known) else 0.0
        values = np.where(np.isfinite(values), values, worst)
        return cls(np.asarray(index, int), values, np.asarray(pending, int))

    def __len__(self) -> int:
        return len(self.index)

    @property
    def best(self) -> float:
        """The least loss."""
        return float(self.losses.min())

    def first(self, n: int) -> Evidence:
        """Gives the first n observations, with nothing pending."""
        return Evidence(self.index[:n], self.losses[:n])

    def robust(self) -> FloatArray:
        """Gives (n,) losses with far outliers pulled in.

        Nothing is further above the best than eight times the median is: past tasks are capped
        likewise.
        """
        gap = float(np.median(self.losses)) - self.best
        return np.minimum(self.losses, self.best + 8.0 * gap) if gap > 0 else self.losses
