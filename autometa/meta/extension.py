"""A landscape with further points: what was tried off the grid, and what might be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autometa.meta.columns import FloatArray
from autometa.meta.landscape import Field, Landscape
from autometa.meta.points import keys


@dataclass(frozen=True, eq=False)
class Extension:
    """Carries a landscape over to points that are not its own, by its kernel.

    Args:
        base: The grid.
    """

    base: Landscape

    @cached_property
    def places(self) -> dict[bytes, int]:
        """Index of each grid point."""
        return {key: place for place, key in enumerate(keys(self.base.points))}

    @cached_property
    def _inverse(self) -> FloatArray:
        kernel, points = self.base.kernel, self.base.points
        noise = max(kernel.noise, 0.01)
        return np.asarray(np.linalg.inv(kernel(points, points) + noise * np.eye(len(points))))

    def extended(self, extra: FloatArray) -> Landscape:
        """Gives the landscape of the grid followed by (k, p) further points."""
        base = self.base
        if not len(extra):
            return base
        weights = base.kernel(extra, base.points) @ self._inverse  # (k, m)
        levels = None if base.levels is None else _carried(base.levels, weights)
        return Landscape(
            points=np.concatenate([base.points, extra]),
            roots=_carried(base.roots, weights),
            levels=levels,
            remoteness=base.remoteness,
            level_rate=base.level_rate,
            kernel=base.kernel,
            log_costs=np.concatenate([base.log_costs, weights @ base.log_costs]),
            level_map=base.level_map,
        )


def _carried(field: Field, weights: FloatArray) -> Field:
    """Extends every task's response around the mean over the task."""
    centre = field.values.mean(axis=1, keepdims=True)
    further = centre + (field.values - centre) @ weights.T
    return Field(np.concatenate([field.values, further], axis=1))
