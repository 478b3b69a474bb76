"""A landscape with further points: what was tried off the grid, and what might be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.landscape import Field, Landscape, Rows
from autometa.meta.points import keys

_MOST_KEPT = 4096


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

    @cached_property
    def _kept(self) -> dict[bytes, FloatArray]:
        """Similarities to the grid of points that were seen before, by `points.keys`."""
        return {}

    def _cross(self, extra: FloatArray) -> FloatArray:
        """Gives (k, m) similarities of further points to the grid."""
        kept, identities = self._kept, keys(extra)
        if len(kept) > _MOST_KEPT:
            kept.clear()
        if missing := [row for row, key in enumerate(identities) if key not in kept]:
            fresh = self.base.kernel(extra[missing], self.base.points)
            kept.update(zip([identities[row] for row in missing], fresh, strict=True))
        return np.stack([kept[key] for key in identities])

    def extended(self, extra: FloatArray) -> Landscape:
        """Gives the landscape of the grid followed by (k, p) further points."""
        base = self.base
        if not len(extra):
            return base
        cross = self._cross(extra)
        weights = cross @ self._inverse  # (k, m)
        levels = None if base.levels is None else _carried(base.levels, weights)
        further = Landscape(
            points=np.concatenate([base.points, extra]),
            # Roots beyond their range would turn powers of them into NaN.
            roots=_bounded(_carried(base.roots, weights)),
            levels=levels,
            remoteness=base.remoteness,
            level_rate=base.level_rate,
            kernel=base.kernel,
            log_costs=np.concatenate([base.log_costs, weights @ base.log_costs]),
            level_map=base.level_map,
        )
        vars(further)["_similarities"] = Rows(len(further), self._rows_of(extra, cross))
        return further

    def _rows_of(self, extra: FloatArray, cross: FloatArray) -> Callable[[AnyArray], FloatArray]:
        """Gives what puts rows of the kernel together from blocks that are known."""
        n_grid = len(self.base)

        def rows(index: AnyArray) -> FloatArray:
            out = np.empty((len(index), n_grid + len(extra)))
            own = index < n_grid
            out[own, :n_grid] = self.base.similarities(index[own])
            out[own, n_grid:] = cross[:, index[own]].T
            beyond = index[~own] - n_grid
            out[~own, :n_grid] = cross[beyond]
            out[~own, n_grid:] = self.base.kernel(extra[beyond], extra)
            return out

        return rows


def _bounded(field: Field) -> Field:
    return Field(np.clip(field.values, 0.0, 1.0))


def _carried(field: Field, weights: FloatArray) -> Field:
    """Extends every task's response around the mean over the task."""
    centre = field.values.mean(axis=1, keepdims=True)
    further = centre + (field.values - centre) @ weights.T
    return Field(np.concatenate([field.values, further], axis=1))
