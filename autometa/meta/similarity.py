"""How far apart two tasks are, by their meta-features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from autometa.meta.columns import FloatArray

_CLIP = 3.0
# Beyond it sums of squares overflow; no meta-feature means anything there.
_HUGE = 1e150
# For a normal distribution the quartiles are 1.349 standard deviations apart.
_QUARTILES = 1.349


@dataclass(frozen=True, slots=True)
class Scale:
    """Puts meta-features on one footing: centred by the median, in units of the quartile range.

    A value further than three units from the median counts as three, so that one odd number
    cannot make two tasks strangers.

    Args:
        names: (d,) meta-features, sorted.
        centre: (d,) medians.
        unit: (d,) positive.

    Example:
        >>> scale = Scale.fit([{"a": 0.0}, {"a": 1.0}, {"a": 2.0}])
        >>> scale.distance({"a": 0.0}, {"a": 0.0, "b": 5.0})
        0.0
    """

    names: tuple[str, ...]
    centre: FloatArray
    unit: FloatArray

    @classmethod
    def fit(cls, tasks: Iterable[Mapping[str, float]]) -> Scale:
        """Learns centre and unit from past tasks; those without meta-features do not count.

        Where most tasks agree, the unit is the standard deviation; where all agree, 1.
        """
        known = [task for task in tasks if task]
        names = tuple(sorted({name for task in known for name in task}))
        columns = [_finite([task.get(name, np.nan) for task in known]) for name in names]
        centre = [float(np.median(column)) if len(column) else 0.0 for column in columns]
        return cls(names, np.array(centre), np.array([_unit(column) for column in columns]))

    def transform(self, task: Mapping[str, float]) -> FloatArray:
        """Gives (d,) in [-3, 3], NaN where the task has no such number."""
        values = np.array([task.get(name, np.nan) for name in self.names], np.float64)
        values[~np.isfinite(values)] = np.nan
        with np.errstate(over="ignore"):
            return np.clip((values - self.centre) / self.unit, -_CLIP, _CLIP)

    def distances(self, task: Mapping[str, float], others: FloatArray) -> FloatArray:
        """Gives the distance to many tasks at once.

        Args:
            task: Meta-features.
            others: (n, d) stacked results of `transform`.

        Returns:
            (n,) root mean square difference over the numbers that both have; NaN where there
            are none.
        """
        squares = (others - self.transform(task)) ** 2  # (n, d)
        shared = (~np.isnan(squares)).sum(axis=1)
        sums = np.nansum(squares, axis=1)
        return np.sqrt(np.where(shared > 0, sums / np.maximum(shared, 1), np.nan))

    def distance(self, a: Mapping[str, float], b: Mapping[str, float]) -> float:
        """Gives the distance of two tasks, see `distances`."""
        return float(self.distances(a, self.transform(b)[None])[0])


def _finite(values: list[float]) -> FloatArray:
    column = np.array(values, np.float64)
    return np.clip(column[np.isfinite(column)], -_HUGE, _HUGE)


def _unit(column: FloatArray) -> float:
    if len(column) < 2:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.quantile(column, [0.25, 0.75])
        units = (float(high - low) / _QUARTILES, float(column.std()))
    return next((unit for unit in units if np.isfinite(unit) and unit > 1e-9), 1.0)
