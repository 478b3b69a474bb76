"""The space behind configurations that nobody declared a space for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.learner import Space
from autometa.meta.columns import AnyArray, SparseColumns, ValueColumn
from autometa.trial import ParamValue

MOST_CHOICES = 32
"""A parameter with more distinct values than this does not switch others on and off."""

LOG_RATIO = 1000
"""Positive numbers that span at least this ratio are taken to be on a log scale."""


def space_of_configs(configs: SparseColumns) -> Space:
    """Gives the smallest space that holds all configurations."""
    params = {name: _distribution(column) for name, (_, column) in configs.columns.items()}
    return Space(params, conditions_of(configs))


def _distribution(column: ValueColumn) -> BaseDistribution:
    """Gives a range for numbers, choices for all else; NaN and infinities do not count."""
    data = column.data
    if column.choices is not None or not np.isfinite(data).any():
        return CategoricalDistribution(_sorted_choices(column))
    low, high = data[np.isfinite(data)].min().item(), data[np.isfinite(data)].max().item()
    log = low > 0 and high / low >= LOG_RATIO
    if isinstance(low, int):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _sorted_choices(column: ValueColumn) -> tuple[ParamValue, ...]:
    values = column.values if column.choices is None else column.choices
    return tuple(sorted(dict.fromkeys(values), key=lambda value: (str(type(value)), str(value))))


def conditions_of(configs: SparseColumns) -> dict[str, tuple[str, tuple[ParamValue, ...]]]:
    """Gives the conditions that explain exactly which parameter is present when.

    A parent explains a child when the child is present in all rows in which the parent has
    certain values, and in no other row. A parameter that is absent somewhere and that nothing
    explains gets no condition: it is optional.
    """
    present = {name: _presence(configs, name) for name in configs.columns}
    parents = {name: it for name in present if (it := _codes(configs, name)) is not None}
    found = {}
    for child, mask in present.items():
        if not mask.all() and (parent := _explain(child, mask, parents, present)) is not None:
            codes, values = parents[parent]
            found[child] = (parent, tuple(values[code] for code in np.unique(codes[mask])))
    return found


def _presence(configs: SparseColumns, name: str) -> AnyArray:
    rows, _ = configs.columns[name]
    mask = np.full(configs.n, rows is None)
    if rows is not None:
        mask[rows] = True
    return mask


def _codes(configs: SparseColumns, name: str) -> tuple[AnyArray, list[ParamValue]] | None:
    """Gives (n,) codes, -1 where absent, and the values; None if it is no switch."""
    rows, column = configs.columns[name]
    if column.data.dtype.kind == "f":
        return None
    distinct, inverse = np.unique(column.data, return_inverse=True)
    if len(distinct) > MOST_CHOICES:
        return None
    codes = np.full(configs.n, -1)
    codes[slice(None) if rows is None else rows] = inverse
    choices = column.choices
    return codes, [choices[int(v)] if choices is not None else int(v) for v in distinct]


def _explain(
    child: str,
    mask: AnyArray,
    parents: Mapping[str, tuple[AnyArray, list[ParamValue]]],
    present: Mapping[str, AnyArray],
) -> str | None:
    """Gives the parent that explains where `mask` is true; choices before numbers.

    A parent must be present with other values too. So it is present more often than its child,
    and conditions cannot go in a circle.
    """
    fits = []
    for name, (codes, values) in parents.items():
        with_child, without = set(codes[mask].tolist()), set(codes[~mask].tolist())
        explains = -1 not in with_child and with_child.isdisjoint(without)
        if name != child and explains and without - {-1}:
            number = not isinstance(values[0], str)
            fits.append((number, -int(present[name].sum()), len(with_child), name))
    return min(fits)[-1] if fits else None


def merged(distributions: Iterable[BaseDistribution]) -> BaseDistribution:
    """Gives one distribution that holds all of one parameter; the kind of the first decides."""
    unique = list(dict.fromkeys(distributions))
    first = unique[0]
    same = [d for d in unique if isinstance(d, type(first))]
    if len(same) == 1:
        return first
    if isinstance(first, CategoricalDistribution):
        choices = [c for d in same if isinstance(d, CategoricalDistribution) for c in d.choices]
        return CategoricalDistribution(tuple(dict.fromkeys(choices)))
    return _merged_numbers([d for d in same if isinstance(d, FloatDistribution | IntDistribution)])


def _merged_numbers(same: list[FloatDistribution | IntDistribution]) -> BaseDistribution:
    log = all(d.log for d in same)
    low, high = min(d.low for d in same), max(d.high for d in same)
    # Ranges that moved need not share a grid, so steps are given up.
    if isinstance(same[0], IntDistribution):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)
