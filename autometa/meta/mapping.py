"""Carries the configurations of a past task into the space of another one.

A trial is carried parameter by parameter, parents first, by full name (``linear.alpha``):

* a value that its own space does not hold, a NaN, or a value of the wrong type drops the trial:
  nobody can have tried it;
* a number is clipped to the new range, rounded for an integer, snapped to a step;
* a choice that is gone (a removed or renamed learner, say) drops the trial;
* a parameter that the target has and the trial has not (it came with a later version) takes the
  target's default, which is what the trial ran with; without a default the trial is dropped;
* a parameter that the target has not is left out;
* a trial of which nothing could be carried is dropped, so that a foreign record does not turn
  into many copies of the defaults.

Every dropped trial is counted with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.chains import NO_STEP
from autometa.learner import Space
from autometa.meta.columns import AnyArray, FloatArray, SparseColumns, ValueColumn
from autometa.meta.record import TaskRecord
from autometa.trial import ParamValue


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record as it reads in another space.

    Args:
        record: With the target's space and only the trials that could be carried, each of which
            is valid there.
        rows: (m,) their rows in the original record.
        dropped: Number of dropped trials by reason.
        n_clipped: Carried trials of which a number was clipped.
    """

    record: TaskRecord
    rows: AnyArray
    dropped: Mapping[str, int]
    n_clipped: int


def contains(distribution: BaseDistribution, value: ParamValue) -> bool:
    """Whether a value, as the user sees it, lies in a distribution; never raises."""
    if not isinstance(distribution, CategoricalDistribution) and _is_no_number(value):
        return False
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (ValueError, TypeError, OverflowError):
        return False


def _is_no_number(value: ParamValue) -> bool:
    return isinstance(value, bool) or not isinstance(value, int | float)


def ordered(space: Space) -> list[str]:
    """Gives all parameters, parents before their children; members of a circle come last."""
    order: list[str] = []
    waiting = dict.fromkeys(space.params)
    while waiting:
        ready = [k for k in waiting if not parents(space, k) & set(waiting)]
        ready = ready or list(waiting)
        order += ready
        waiting = dict.fromkeys(k for k in waiting if k not in set(ready))
    return order


def parents(space: Space, name: str) -> set[str]:
    """Gives the parameters that decide whether a parameter exists."""
    found = {parent for route in space.routes.get(name, ()) for parent in route}
    if name in space.conditions:
        found.add(space.conditions[name][0])
    return found


def is_active(space: Space, name: str, params: Mapping[str, ParamValue]) -> bool:
    """Whether a parameter exists in a configuration that holds its parents."""
    if name in space.conditions:
        parent, allowed = space.conditions[name]
        if parent not in params or params[parent] not in allowed:
            return False
    return name not in space.routes or any(
        all(params.get(parent, NO_STEP) in allowed for parent, allowed in route.items())
        for route in space.routes[name]
    )


def validate(params: Mapping[str, ParamValue], space: Space, *, partial: bool = False) -> bool:
    """Whether a configuration may be proposed in a space.

    Every parameter must be known, active and inside its distribution.

    Args:
        params: By full name.
        space: The target.
        partial: Whether active parameters may be missing.
    """
    if any(name not in space.params for name in params):
        return False
    active = [name for name in space.params if is_active(space, name, params)]
    if not partial and len(active) > len(params):
        return False
    return set(params) <= set(active) and all(
        contains(space.params[name], value) for name, value in params.items()
    )


def map_record(
    record: TaskRecord, space: Space, defaults: Mapping[str, ParamValue] | None = None
) -> Mapped:
    """Carries a record into `space`; see the module for the rules.

    Args:
        record: Of any space.
        space: The target.
        defaults: By full name, of any part of the target; the space's own when None.
    """
    carrier = _Carrier(record, space, space.defaults if defaults is None else defaults)
    for name in ordered(space):
        carrier.carry(name)
    return carrier.finish()


@dataclass(slots=True)
class _Carrier:
    """The state of one mapping: which trials live on, and their columns so far."""

    record: TaskRecord
    space: Space
    defaults: Mapping[str, ParamValue]
    alive: AnyArray = field(init=False)  # (n,) bool
    carried: AnyArray = field(init=False)  # (n,) bool: at least one value came over
    clipped: AnyArray = field(init=False)  # (n,) bool
    active: dict[str, AnyArray] = field(default_factory=dict)  # (n,) bool by name
    columns: dict[str, ValueColumn] = field(default_factory=dict)  # (n,) by name
    dropped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.record), bool)
        self.carried, self.clipped = ~self.alive, ~self.alive

    def carry(self, name: str) -> None:
        """Fills the column of one parameter, whose parent is already filled."""
        present, column = _spread(self.record.trials.params, name)
        active = self._is_active(name)
        fitted = _fit(column, self.record.space.params.get(name), self.space.params[name])
        self._drop(active & present & ~fitted.is_known, f"{name}: invalid value")
        self._drop(active & present & ~fitted.is_choice, f"{name}: no such choice")
        self.carried |= active & present
        self.clipped |= active & present & fitted.is_clipped
        self.active[name] = active
        self.columns[name] = self._filled(name, active & ~present, fitted.column)

    def _filled(self, name: str, missing: AnyArray, column: ValueColumn) -> ValueColumn:
        if not (missing & self.alive).any():
            return column
        default = self.defaults.get(name)
        if name not in self.defaults or not contains(self.space.params[name], default):
            self._drop(missing, f"{name}: missing, without a default")
            return column
        if isinstance(self.space.params[name], FloatDistribution):
            default = float(default)  # type: ignore[arg-type]  # `contains` lets only numbers pass
        pairs = zip(missing.tolist(), column.values, strict=True)
        return ValueColumn.of([default if gone else value for gone, value in pairs])

    def _is_active(self, name: str) -> AnyArray:
        if name not in self.space.conditions:
            return self.alive.copy()
        parent, allowed = self.space.conditions[name]
        if parent not in self.columns:
            return np.zeros_like(self.alive)
        chosen = [value in allowed for value in self.columns[parent].values]
        active: AnyArray = self.alive & self.active[parent] & np.array(chosen, bool)
        return active

    def _drop(self, rows: AnyArray, reason: str) -> None:
        if count := int((rows & self.alive).sum()):
            self.dropped[reason] += count
            self.alive &= ~rows

    def finish(self) -> Mapped:
        if self.space.params:
            self._drop(~self.carried, "nothing in common")
        params = {name: self._kept(name) for name in self.columns}
        params = {name: item for name, item in params.items() if len(item[1].data)}
        table = self.record.trials.take(
            self.alive, SparseColumns(int(self.alive.sum()), dict(sorted(params.items())))
        )
        return Mapped(
            replace(self.record, space=self.space, trials=table),
            np.flatnonzero(self.alive),
            dict(self.dropped),
            int((self.clipped & self.alive).sum()),
        )

    def _kept(self, name: str) -> tuple[AnyArray | None, ValueColumn]:
        active = self.active[name][self.alive]
        column = self.columns[name].take(self.alive & self.active[name])
        return None if active.all() else np.flatnonzero(active).astype("<i4"), column


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A column in the target's distribution, with fillers where a value is of no use."""

    column: ValueColumn
    is_known: AnyArray  # (n,) bool: a value that somebody can have tried
    is_choice: AnyArray  # (n,) bool: the target can express it
    is_clipped: AnyArray  # (n,) bool


def _spread(params: SparseColumns, name: str) -> tuple[AnyArray, ValueColumn]:
    """Gives where a parameter is present, (n,) bool, and its column over all n rows."""
    rows, column = params.columns.get(name, (np.empty(0, "<i4"), ValueColumn.of([])))
    if rows is None:
        return np.ones(params.n, bool), column
    present, data = np.zeros(params.n, bool), np.zeros(params.n, column.data.dtype)
    present[rows], data[rows] = True, column.data
    # An absent row carries the code 0, which must exist.
    return present, ValueColumn(data, column.choices if column.choices != () else (None,))


def _fit(column: ValueColumn, own: BaseDistribution | None, target: BaseDistribution) -> _Fitted:
    if isinstance(target, CategoricalDistribution):
        return _fit_choices(column, own, target)
    return _fit_numbers(column, own, target)


def _fit_choices(
    column: ValueColumn, own: BaseDistribution | None, target: CategoricalDistribution
) -> _Fitted:
    distinct, codes = _distinct(column)
    known = [own is None or contains(own, value) for value in distinct]
    index = [_choice_index(target, value) for value in distinct]
    chosen = np.array(index, "<i4")[codes]
    is_known, is_choice = np.array(known, bool)[codes], chosen >= 0
    fitted = ValueColumn(np.maximum(chosen, 0), tuple(target.choices))
    return _Fitted(fitted, is_known, is_choice, np.zeros(len(codes), bool))


def _distinct(column: ValueColumn) -> tuple[list[ParamValue], AnyArray]:
    if column.choices is not None:
        return list(column.choices), column.data
    distinct, codes = np.unique(column.data, return_inverse=True)
    return distinct.tolist(), codes


def _choice_index(target: CategoricalDistribution, value: ParamValue) -> int:
    try:
        return int(target.to_internal_repr(value))
    except ValueError:
        return -1


def _fit_numbers(
    column: ValueColumn, own: BaseDistribution | None, target: BaseDistribution
) -> _Fitted:
    if not isinstance(target, FloatDistribution | IntDistribution):
        nowhere = np.zeros(len(column.data), bool)
        return _Fitted(column, nowhere, nowhere, nowhere)
    numbers = _numbers(column)
    is_known = _is_inside(column, numbers, target if own is None else own)
    usable = np.where(is_known, numbers, target.low)
    clipped = np.clip(usable, target.low, target.high)
    fitted = _snap(clipped, target)
    everywhere = np.ones(len(numbers), bool)
    return _Fitted(ValueColumn(fitted), is_known, everywhere, clipped != usable)


def _numbers(column: ValueColumn) -> FloatArray:
    """Gives (n,) floats; NaN for what is no number."""
    if column.choices is None:
        return column.data.astype(np.float64)
    choices: list[Any] = [np.nan if _is_no_number(v) else v for v in column.choices]
    return np.array(choices, np.float64)[column.data]


def _is_inside(column: ValueColumn, numbers: FloatArray, own: BaseDistribution) -> AnyArray:
    """Whether the own distribution holds each value, up to rounding of its ends."""
    if isinstance(own, CategoricalDistribution):
        distinct, codes = _distinct(column)
        held = np.array([contains(own, value) for value in distinct], bool)
        return held[codes] & np.isfinite(numbers)
    if not isinstance(own, FloatDistribution | IntDistribution):
        return np.isfinite(numbers)
    slack = 1e-9 * max(abs(own.low), abs(own.high))
    return (numbers >= own.low - slack) & (numbers <= own.high + slack)


def _snap(numbers: FloatArray, target: FloatDistribution | IntDistribution) -> AnyArray:
    if target.step is not None and not (isinstance(target, IntDistribution) and target.log):
        steps = np.rint((numbers - target.low) / target.step)
        numbers = np.minimum(target.low + steps * target.step, target.high)
    if isinstance(target, IntDistribution):
        return np.rint(numbers).astype("<i8")
    return numbers.astype("<f8")
