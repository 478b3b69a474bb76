"""One conditional space out of the spaces of all parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from autometa.chains import LEARNER, NO_STEP, ChainPlan, Route
from autometa.errors import PluginError
from autometa.labelling import NOT_USED, UNLABELLED
from autometa.learner import Space
from autometa.meta.mapping import contains, is_active, ordered
from autometa.trial import ParamValue

if TYPE_CHECKING:
    from optuna import Trial


def join(
    learners: Mapping[str, Space],
    chains: ChainPlan | None = None,
    compressors: Mapping[str, Space] | None = None,
    labelling: Space | None = None,
) -> Space:
    """Gives the space of a whole search.

    Args:
        learners: Spaces by learner name; the order is the order of the choices.
        chains: The parameters that choose compressors; None = no compression.
        compressors: Spaces by compressor name, of at least those in `chains`.
        labelling: The parameters that decide how rows without a target are used, by their full
            names; None = they are not.

    Raises:
        PluginError: If a space breaks the rules of `check`.
    """
    joint = _Joint({LEARNER: CategoricalDistribution(tuple(learners))})
    for name, space in learners.items():
        joint.graft(name, space, (LEARNER,))
    if labelling is not None:
        joint.params |= labelling.params
        joint.conditions |= labelling.conditions
        joint.defaults |= labelling.defaults
    chosen_by: dict[str, list[str]] = {}
    for parameter, step in (chains.parameters if chains else {}).items():
        joint.params[parameter] = CategoricalDistribution((NO_STEP, *step.choices))
        joint.defaults[parameter] = NO_STEP
        if step.routes:
            joint.routes[parameter] = step.routes
        for name in step.choices:
            chosen_by.setdefault(name, []).append(parameter)
    for name, parameters in chosen_by.items():
        joint.graft(name, (compressors or {})[name], parameters)
    return Space(joint.params, joint.conditions, joint.defaults, joint.routes)


@dataclass(slots=True)
class _Joint:
    """A space that grows part by part; the fields are those of `Space`."""

    params: dict[str, BaseDistribution]
    conditions: dict[str, tuple[str, tuple[ParamValue, ...]]] = field(default_factory=dict)
    defaults: dict[str, ParamValue] = field(default_factory=dict)
    routes: dict[str, tuple[Route, ...]] = field(default_factory=dict)

    def graft(self, name: str, space: Space, parameters: Sequence[str]) -> None:
        """Adds a part's space under its prefix, all of it conditional on the part being chosen.

        Args:
            name: Of the part.
            space: Of the part.
            parameters: Those that can choose the part, of which at most one exists at a time.
        """
        check(name, space)
        for child, distribution in space.params.items():
            key = f"{name}.{child}"
            self.params[key] = distribution
            if child in space.conditions:
                parent, allowed = space.conditions[child]
                self.conditions[key] = (f"{name}.{parent}", tuple(allowed))
            elif len(parameters) == 1:
                self.conditions[key] = (parameters[0], (name,))
            else:
                self.routes[key] = tuple({parameter: (name,)} for parameter in parameters)
        self.defaults |= {f"{name}.{key}": value for key, value in space.defaults.items()}


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
    """Gives a learner's default configuration in the joint space.

    Without compression, and without a use of rows that have no target.
    """
    values: dict[str, ParamValue] = {LEARNER: learner}
    if UNLABELLED in space.params:
        values[UNLABELLED] = NOT_USED
    values |= {f"{learner}.{key}": own.defaults[key] for key in active(own, own.defaults)}
    for key in ordered(space):
        if key.startswith("compress.") and is_active(space, key, values):
            values[key] = NO_STEP
    return values


def part(params: Mapping[str, ParamValue], name: str) -> dict[str, ParamValue]:
    """Gives the configuration of one part, without its prefix."""
    prefix = f"{name}."
    return {key[len(prefix) :]: value for key, value in params.items() if key.startswith(prefix)}
