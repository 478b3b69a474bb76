"""Configurations that nobody has tried: neighbours of the best ones of this study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.meta.history import Seen

FIRST_TRIAL = 8
"""Neighbours are proposed from this trial on: before, what is best is not known well."""

N_NEIGHBOURS = 24
_BEST, _MOST_CHANGED = 5, 2
_STEP = 0.15


def neighbours(
    seen: Sequence[Seen], switches: frozenset[str], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Gives variations of the five best finished trials, one or two parameters changed.

    A number moves by a normal step of 15 % of its range (logarithmic where the caller's
    distribution is), a choice to any other. Every value is of the caller's own distribution.

    Args:
        seen: Finished trials; those without a loss do not count.
        switches: Parameters on which others depend; they stay.
        rng: For the choice of what changes.
    """
    good = [s for s in seen if np.isfinite(s.losses[0])]
    best = sorted(good, key=lambda s: s.losses[0])[:_BEST]
    found = []
    for place in range(N_NEIGHBOURS if best else 0):
        origin = best[place % len(best)]
        movable = [
            name
            for name in sorted(origin.params)
            if name not in switches and not origin.distributions[name].single()
        ]
        if movable:
            found.append(_changed(origin, movable, rng))
    return found


def _changed(origin: Seen, movable: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    n_changed = min(int(rng.integers(1, _MOST_CHANGED + 1)), len(movable))
    params: dict[str, Any] = dict(origin.params)
    for place in rng.permutation(len(movable))[:n_changed]:
        name = movable[place]
        params[name] = _moved(params[name], origin.distributions[name], rng)
    return params


def _moved(value: Any, distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        others = [i for i, choice in enumerate(distribution.choices) if choice != value]
        return distribution.choices[others[int(rng.integers(len(others)))]] if others else value
    if isinstance(distribution, FloatDistribution | IntDistribution):
        return _stepped(float(value), distribution, float(rng.normal(0.0, _STEP)))
    return value


def _stepped(value: float, distribution: FloatDistribution | IntDistribution, step: float) -> Any:
    low, high = float(distribution.low), float(distribution.high)
    moved = value * (high / low) ** step if distribution.log else value + step * (high - low)
    moved = min(max(moved, low), high)
    if distribution.step is not None and not distribution.log:
        moved = low + round((moved - low) / distribution.step) * distribution.step
        moved = min(moved, high)
    return round(moved) if isinstance(distribution, IntDistribution) else moved


def switches_of(conditions: Mapping[str, tuple[str, Any]]) -> frozenset[str]:
    """Gives the parameters on which others depend."""
    return frozenset(parent for parent, _ in conditions.values())
