"""The configurations a prior proposes from: defaults, and what past tasks tried, thinned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autometa.learner import Space
from autometa.meta.columns import AnyArray
from autometa.meta.mapping import contains, is_active, ordered
from autometa.meta.surrogate import Source
from autometa.trial import ParamValue

# The other quarter is spread over everything, so that the past's failures are known too.
_SHARE_OF_BEST = 0.75


def thinned(
    configs: Sequence[Sequence[Mapping[str, ParamValue]]],
    rows: Sequence[AnyArray],
    sources: Sequence[Source],
    most: int,
) -> list[Mapping[str, ParamValue]]:
    """Gives at most `most` different configurations.

    Three quarters are, in turn, every task's best, second best and so on; the rest are spread
    evenly over all the others.

    Args:
        configs: Per task, all of its configurations.
        rows: Per task, which of them its source holds, in order.
        sources: Per task, encoded.
        most: How many.
    """
    first: dict[bytes, Mapping[str, ParamValue]] = {}
    known: set[int] = set()
    ranked: list[list[bytes]] = []
    for task, kept, source in zip(configs, rows, sources, strict=True):
        identities = source.identities
        if id(identities) not in known:
            known.add(id(identities))
            for key, row in zip(identities, kept.tolist(), strict=True):
                first.setdefault(key, task[row])
        order = np.argsort(source.values[:, 0], kind="stable")
        ranked.append([identities[i] for i in order.tolist()])
    if len(first) <= most:
        return list(first.values())
    chosen = dict.fromkeys(_in_turn(ranked, int(most * _SHARE_OF_BEST)))
    others = [key for key in first if key not in chosen]
    places = np.linspace(0, len(others) - 1, most - len(chosen)).round().astype(int)
    chosen.update(dict.fromkeys(others[place] for place in places))
    return [first[key] for key in chosen]


def _in_turn(ranked: Sequence[Sequence[bytes]], most: int) -> list[bytes]:
    """Gives different keys: the first of every list, then the second of every list..."""
    chosen: dict[bytes, None] = {}
    for place in range(max(map(len, ranked), default=0)):
        for keys_of_task in ranked:
            if len(chosen) >= most:
                return list(chosen)
            if place < len(keys_of_task):
                chosen[keys_of_task[place]] = None
    return list(chosen)


def default_configs(space: Space, switch: str | None) -> list[dict[str, ParamValue]]:
    """Gives the default of every choice of `switch`; those that lack a value are left out.

    Args:
        space: With defaults; one without has none.
        switch: A parameter without a condition, see `points.Encoder.switch`; None = the space
            has one default.
    """
    if not space.defaults:
        return []
    fixed = [{}] if switch is None else [{switch: choice} for choice in _choices(space, switch)]
    found = [_default(space, values) for values in fixed]
    return [config for config in found if config is not None]


def _choices(space: Space, switch: str) -> list[ParamValue]:
    return list(space.params[switch].choices)  # type: ignore[attr-defined]  # a switch is a choice


def _default(space: Space, fixed: Mapping[str, ParamValue]) -> dict[str, ParamValue] | None:
    config: dict[str, ParamValue] = {}
    values = {**space.defaults, **fixed}
    for name in ordered(space):
        if is_active(space, name, config):
            if name not in values or not contains(space.params[name], values[name]):
                return None
            config[name] = values[name]
    return config
