"""The part of a space that decides whether and how rows without a target are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.labelling import (
    LABEL_SPREADING,
    NOT_USED,
    SELF_TRAINING,
    UNLABELLED,
    is_part,
)
from autometa.learner import Space

if TYPE_CHECKING:
    from autometa.trial import ParamValue

_PARAMS: Mapping[str, Mapping[str, tuple[BaseDistribution, ParamValue]]] = {
    SELF_TRAINING: {
        "threshold": (FloatDistribution(0.5, 0.99), 0.9),
        "rounds": (IntDistribution(1, 4), 2),
    },
    LABEL_SPREADING: {
        "neighbours": (IntDistribution(3, 30, log=True), 7),
        "alpha": (FloatDistribution(0.2, 0.99), 0.8),
        "share": (FloatDistribution(0.2, 1.0), 1.0),
    },
}
"""Distribution and default of each way's parameters; see `autometa.pseudolabels`."""


def labelling_space(modality: str) -> Space:
    """Gives the parameters by their full names; by default the rows are not used.

    Args:
        modality: Of the data. Neighbours are found in tables only.
    """
    ways = [way for way in _PARAMS if modality == "tabular" or way != LABEL_SPREADING]
    params: dict[str, BaseDistribution] = {
        UNLABELLED: CategoricalDistribution((NOT_USED, *ways)),
    }
    conditions: dict[str, tuple[str, tuple[ParamValue, ...]]] = {}
    defaults: dict[str, ParamValue] = {UNLABELLED: NOT_USED}
    for way in ways:
        for key, (distribution, default) in _PARAMS[way].items():
            name = f"{UNLABELLED}.{key}"
            params[name], defaults[name] = distribution, default
            conditions[name] = (UNLABELLED, (way,))
    return Space(params, conditions, defaults)


def with_labelling(
    initial: Iterable[Mapping[str, ParamValue]], space: Space
) -> list[Mapping[str, ParamValue]]:
    """Gives first configurations: behind the cheapest, it with each way to use the rows.

    Args:
        initial: None of which uses rows without a target, cheapest first; at least one.
        space: Of `labelling_space`.
    """
    cheapest, *others = initial
    ways = space.params[UNLABELLED].choices[1:]  # type: ignore[attr-defined]
    tried = [{**cheapest, UNLABELLED: way, **_defaults(space, way)} for way in ways]
    return [cheapest, *tried, *others]


def _defaults(space: Space, way: str) -> dict[str, ParamValue]:
    own = [name for name, (_, allowed) in space.conditions.items() if way in allowed]
    return {name: space.defaults[name] for name in own}


def without_labelling(space: Space) -> Space:
    """Gives what past tasks can know of a space: theirs were other rows.

    What they do not know, the target expert proposes.
    """
    if UNLABELLED not in space.params:
        return space
    return Space(
        {name: d for name, d in space.params.items() if not is_part(name)},
        {name: c for name, c in space.conditions.items() if not is_part(name)},
        {name: v for name, v in space.defaults.items() if not is_part(name)},
        space.routes,
    )
