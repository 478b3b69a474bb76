"""Configurations of a conditional space as points of a cube."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.learner import Space
from autometa.meta.columns import AnyArray, FloatArray, SparseColumns, ValueColumn
from autometa.meta.infer import merged
from autometa.trial import ParamValue


@dataclass(frozen=True)
class Encoder:
    """Turns configurations into (n, p) coordinates whose city-block distance means something.

    A number becomes its place in its range, in [0, 1], by logarithm where its distribution says
    so. A choice becomes one coordinate per value, 1/2 where chosen, so that two choices are 1
    apart. An absent parameter stands in the middle; a parameter that may be absent without a
    condition that explains it has a further coordinate for that.

    Args:
        space: Every parameter that counts; others are ignored.

    Example:
        >>> from optuna.distributions import FloatDistribution
        >>> encoder = Encoder(Space({"alpha": FloatDistribution(0.01, 1.0, log=True)}))
        >>> encoder.encode([{"alpha": 0.1}, {"alpha": 1.0}])[:, 0].round(3).tolist()
        [0.5, 1.0]
    """

    space: Space

    @cached_property
    def widths(self) -> dict[str, int]:
        """How many coordinates each parameter has, by sorted name."""
        return {name: _width(self.space.params[name]) for name in sorted(self.space.params)}

    @property
    def n_dims(self) -> int:
        """Number of coordinates, p."""
        return sum(self.widths.values()) + len(self.widths)

    def encode(self, configs: SparseColumns | Sequence[Mapping[str, ParamValue]]) -> FloatArray:
        """Gives (n, p) coordinates. Values outside their range count as its end."""
        columns = configs if isinstance(configs, SparseColumns) else SparseColumns.of(configs)
        blocks = [np.empty((columns.n, 0))]
        for name, width in self.widths.items():
            blocks += self._encode(columns, name, width)
        return np.concatenate(blocks, axis=1)

    def _encode(self, columns: SparseColumns, name: str, width: int) -> list[FloatArray]:
        distribution = self.space.params[name]
        choice = isinstance(distribution, CategoricalDistribution)
        values = np.full((columns.n, width), 0.0 if choice else 0.5)
        absent = np.ones((columns.n, 1))
        if name in columns.columns:
            rows, column = columns.columns[name]
            where = slice(None) if rows is None else rows
            values[where] = _coordinates(column, distribution)
            absent[where] = 0.0
        if name in self.space.conditions:
            absent[:] = 0.0  # its parent's coordinates say it already
        return [values, absent]

    @cached_property
    def switch(self) -> str | None:
        """The unconditional choice on which most parameters depend: the learner, mostly."""
        roots: Counter[str] = Counter()
        for child in self.space.conditions:
            roots[self._root(child)] += 1
        fits = [
            (-count, name)
            for name, count in roots.items()
            if isinstance(self.space.params.get(name), CategoricalDistribution)
        ]
        return min(fits)[1] if fits else None

    def _root(self, name: str) -> str:
        seen = {name}
        while name in self.space.conditions:
            name = self.space.conditions[name][0]
            if name in seen:
                break
            seen.add(name)
        return name

    def branches(self, points: FloatArray) -> AnyArray:
        """Gives (n,) codes of the value of `switch`; 0 for all when there is none, or absent."""
        if self.switch is None:
            return np.zeros(len(points), int)
        start = 0
        for name, width in self.widths.items():
            if name == self.switch:
                block = points[:, start : start + width]
                return np.where(block.any(axis=1), block.argmax(axis=1) + 1, 0)
            start += width + 1
        return np.zeros(len(points), int)


def _width(distribution: BaseDistribution) -> int:
    return len(distribution.choices) if isinstance(distribution, CategoricalDistribution) else 1


def _coordinates(column: ValueColumn, distribution: BaseDistribution) -> FloatArray:
    """Gives (n, width) coordinates of the values of one parameter."""
    if isinstance(distribution, CategoricalDistribution):
        return _one_hot(column, distribution)
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return unit(_numbers(column), distribution)[:, None]
    return np.full((len(column.data), 1), 0.5)


def _one_hot(column: ValueColumn, distribution: CategoricalDistribution) -> FloatArray:
    places = {_tagged(choice): place for place, choice in enumerate(distribution.choices)}
    distinct, codes = (
        (list(column.choices), column.data) if column.choices is not None else _unique(column.data)
    )
    width = len(distribution.choices)
    table = np.zeros((max(len(distinct), 1), width + 1))
    for code, value in enumerate(distinct):
        table[code, places.get(_tagged(value), width)] = 0.5
    return table[codes][:, :width]


def _tagged(value: object) -> tuple[bool, object]:
    """Keeps True and 1 apart, but not 1 and 1.0, as Optuna does on the whole."""
    return isinstance(value, bool), value


def _unique(data: AnyArray) -> tuple[list[ParamValue], AnyArray]:
    distinct, codes = np.unique(data, return_inverse=True)
    return distinct.tolist(), codes


def _numbers(column: ValueColumn) -> FloatArray:
    if column.choices is None:
        return np.asarray(column.data, np.float64)
    numbers = [v if isinstance(v, int | float) else np.nan for v in column.choices]
    return np.array([*numbers, np.nan])[column.data]


def unit(values: FloatArray, distribution: FloatDistribution | IntDistribution) -> FloatArray:
    """Gives the place of numbers in a range, in [0, 1]; the middle for NaN and single values."""
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        low, high = np.log(low), np.log(high)
        values = np.log(np.maximum(values, np.finfo(float).tiny))
    if not high > low:
        return np.full(len(values), 0.5)
    return np.nan_to_num(np.clip((values - low) / (high - low), 0.0, 1.0), nan=0.5)


def union(spaces: Iterable[Space]) -> Space:
    """Gives a space that holds the parameters of all; a condition stands where all agree."""
    unique = list({id(space): space for space in spaces}.values())
    found: dict[str, list[BaseDistribution]] = {}
    conditions: dict[str, list[tuple[str, tuple[ParamValue, ...]] | None]] = {}
    for space in unique:
        for name, distribution in space.params.items():
            found.setdefault(name, []).append(distribution)
            conditions.setdefault(name, []).append(space.conditions.get(name))
    return Space(
        {name: merged(found[name]) for name in sorted(found)},
        {name: kept for name in sorted(found) if (kept := _agreed(conditions[name])) is not None},
    )


def _agreed(
    conditions: list[tuple[str, tuple[ParamValue, ...]] | None],
) -> tuple[str, tuple[ParamValue, ...]] | None:
    stated = [condition for condition in conditions if condition is not None]
    if len(stated) < len(conditions) or len({parent for parent, _ in stated}) != 1:
        return None
    values = [value for _, allowed in stated for value in allowed]
    return stated[0][0], tuple(dict.fromkeys(values))


def keys(points: FloatArray) -> list[bytes]:
    """Gives what identifies each point; equal points have equal keys."""
    return [row.tobytes() for row in np.ascontiguousarray(points.round(9))]
