"""One conditional space out of the spaces of all parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.compressor import STAGES
from autometa.errors import PluginError
from autometa.learner import Space
from autometa.meta.mapping import contains, is_active, ordered
from autometa.trial import ParamValue

if TYPE_CHECKING:
    from optuna import Trial

LEARNER = "learner"
NO_STEP = "none"
"""The choice of a compression stage that leaves the model as it is; always a candidate."""


def stage_parameter(stage: str) -> str:
    """Gives the name of the parameter that chooses a stage's compressor."""
    return f"compress.{stage}"


def join(
    learners: Mapping[str, Space], compressors: Mapping[str, Mapping[str, Space]] | None = None
) -> Space:
    """Gives the space of a whole search.

    Args:
        learners: Spaces by learner name; the order is the order of the choices.
        compressors: Per stage, spaces by compressor name; {} = no compression.

    Raises:
        PluginError: If a space breaks the rules of `check`.
    """
    params: dict[str, BaseDistribution] = {LEARNER: CategoricalDistribution(tuple(learners))}
    conditions: dict[str, tuple[str, tuple[ParamValue, ...]]] = {}
    values: dict[str, ParamValue] = {}
    parts = dict(learners)
    for name, space in learners.items():
        _graft(params, conditions, name, space, LEARNER)
    for stage in STAGES:
        if choices := (compressors or {}).get(stage):
            parameter = stage_parameter(stage)
            params[parameter] = CategoricalDistribution((NO_STEP, *choices))
            values[parameter] = NO_STEP
            parts |= choices
            for name, space in choices.items():
                _graft(params, conditions, name, space, parameter)
    for name, space in parts.items():
        values |= {f"{name}.{key}": value for key, value in space.defaults.items()}
    return Space(params, conditions, values)


def _graft(
    params: dict[str, BaseDistribution],
    conditions: dict[str, tuple[str, tuple[ParamValue, ...]]],
    name: str,
    space: Space,
    parameter: str,
) -> None:
    """Adds a part's space under its prefix, all of it conditional on the part being chosen."""
    check(name, space)
    for child, distribution in space.params.items():
        params[f"{name}.{child}"] = distribution
        parent, allowed = space.conditions.get(child, ("", ()))
        conditions[f"{name}.{child}"] = (
            (f"{name}.{parent}", tuple(allowed)) if parent else (parameter, (name,))
        )


def check(name: str, space: Space) -> None:
    """Checks the space of one part.

    Raises:
        PluginError: If a parameter is no Optuna distribution, a condition names an unknown
            parameter or goes in a circle, or an active default is missing or outside.
    """
    for key, distribution in space.params.items():
        if not isinstance(distribution, BaseDistribution):
            got = type(distribution).__name__
            raise PluginError(f"space of {name}: {key} must be an Optuna distribution, got {got}.")
    for child, (parent, _) in space.conditions.items():
        if unknown := {child, parent} - set(space.params):
            raise PluginError(f"space of {name}: a condition names unknown {sorted(unknown)}.")
    if _has_circle(space):
        raise PluginError(f"space of {name}: its conditions go in a circle.")
    for key in active(space, space.defaults):
        if key not in space.defaults:
            raise PluginError(f"space of {name}: the default of {key} is missing.")
        if not contains(space.params[key], space.defaults[key]):
            value = space.defaults[key]
            raise PluginError(f"space of {name}: default {key}={value!r} is outside its range.")


def _has_circle(space: Space) -> bool:
    """Whether following parents from some parameter never ends."""
    for key in space.conditions:
        seen = set()
        while key in space.conditions and key not in seen:
            seen.add(key)
            key = space.conditions[key][0]  # noqa: PLW2901 - walks up
        if key in seen:
            return True
    return False


def active(space: Space, params: Mapping[str, ParamValue]) -> list[str]:
    """Gives the parameters that exist in a configuration, in order, whether given or not."""
    seen: dict[str, ParamValue] = {}
    for key in ordered(space):
        if is_active(space, key, seen):
            seen[key] = params.get(key)
    return list(seen)


def suggest(trial: Trial, space: Space) -> dict[str, ParamValue]:
    """Asks a trial for every active parameter, parents first."""
    params: dict[str, ParamValue] = {}
    for key in ordered(space):
        if is_active(space, key, params):
            params[key] = _suggest(trial, key, space.params[key])
    return params


def _suggest(trial: Trial, key: str, distribution: BaseDistribution) -> ParamValue:
    match distribution:
        case FloatDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_float(key, low, high, log=log, step=step)
        case IntDistribution(low=low, high=high, log=log, step=step):
            return trial.suggest_int(key, low, high, log=log, step=step)
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(key, choices)
    raise PluginError(f"{key} has an unknown distribution, {type(distribution).__name__}.")


def defaults(space: Space, learner: str, own: Space) -> dict[str, ParamValue]:
    """Gives a learner's default configuration, without compression, in the joint space."""
    values: dict[str, ParamValue] = {LEARNER: learner}
    values |= {f"{learner}.{key}": own.defaults[key] for key in active(own, own.defaults)}
    values |= {
        stage_parameter(stage): NO_STEP
        for stage in STAGES
        if stage_parameter(stage) in space.params
    }
    return values


def part(params: Mapping[str, ParamValue], name: str) -> dict[str, ParamValue]:
    """Gives the configuration of one part, without its prefix."""
    prefix = f"{name}."
    return {key[len(prefix) :]: value for key, value in params.items() if key.startswith(prefix)}


def chain(params: Mapping[str, ParamValue]) -> list[str]:
    """Gives the chosen compressors in the order of their stages."""
    chosen: Iterable[Any] = (params.get(stage_parameter(stage), NO_STEP) for stage in STAGES)
    return [name for name in chosen if name != NO_STEP]
