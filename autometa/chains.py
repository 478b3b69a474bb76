"""Which compressors can follow each other: the typed chains of a search.

A chain takes at most one compressor per stage. A compressor fits where the model that reaches its
stage has a format that it consumes. What can never fit is found when plugins are loaded and when
a space is built, so that no trial is spent on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from autometa.compressor import STAGES, CompressorSpec
from autometa.trial import ParamValue

LEARNER = "learner"
NO_STEP = "none"
"""The choice of a compression stage that leaves the model as it is; always a candidate."""

ANY = "*"
UNKNOWN = ""
"""The format of a learner that does not name one: everything may fit."""

Route: TypeAlias = Mapping[str, tuple[ParamValue, ...]]
"""Parameters that must have one of these values; one that is absent counts as `NO_STEP`."""


@dataclass(frozen=True, slots=True)
class StageParameter:
    """The parameter that chooses a step.

    Args:
        stage: One of `STAGES`.
        choices: Names of compressors, `NO_STEP` not among them.
        routes: It exists when one of these holds; () = always.
    """

    stage: str
    choices: tuple[str, ...]
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """All chains that fit.

    Args:
        parameters: By name, in the order of their stages.
        unfit: Names of the compressors that no chain can hold.
    """

    parameters: Mapping[str, StageParameter]
    unfit: tuple[str, ...]


def stage_parameter(stage: str, choices: Sequence[str] = ()) -> str:
    """Gives the name of the parameter that chooses a stage's compressor.

    Args:
        stage: One of `STAGES`.
        choices: Given where models of some formats have fewer choices than others.
    """
    return f"compress.{stage}.{'+'.join(choices)}" if choices else f"compress.{stage}"


def fits(spec: CompressorSpec, format: str) -> bool:
    """Whether a compressor takes models of a format."""
    return format == UNKNOWN or bool({ANY, format} & set(spec.consumes))


def plan_chains(formats: Mapping[str, str], specs: Iterable[CompressorSpec]) -> ChainPlan:
    """Gives the chains of a search.

    Args:
        formats: Format of the models by learner; `UNKNOWN` where it is not declared.
        specs: The compressors that may be used.
    """
    states = _initial(formats)
    parameters: dict[str, StageParameter] = {}
    unfit: list[str] = []
    for stage in STAGES:
        offered = [spec for spec in specs if spec.stage == stage]
        usable = tuple(s.name for s in offered if any(fits(s, kind) for kind in states))
        unfit += [spec.name for spec in offered if spec.name not in usable]
        after: dict[str, list[Route]] = {}
        for kind, routes in states.items():
            chosen = [spec for spec in offered if fits(spec, kind)]
            if not chosen:
                _add(after, kind, routes)
                continue
            names = tuple(spec.name for spec in chosen)
            name = stage_parameter(stage, () if names == usable else names)
            known = parameters.get(name)
            before = known.routes if known else ()
            parameters[name] = StageParameter(stage, names, (*before, *routes))
            _pass_on(after, kind, routes, name, chosen)
        states = after
    return ChainPlan(
        {name: _without_empty(parameter) for name, parameter in parameters.items()}, tuple(unfit)
    )


def _initial(formats: Mapping[str, str]) -> dict[str, list[Route]]:
    """Gives by format how it is reached before the first stage."""
    learners: dict[str, list[str]] = {}
    for learner, kind in formats.items():
        learners.setdefault(kind, []).append(learner)
    if len(learners) == 1:
        return {kind: [{}] for kind in learners}
    return {kind: [{LEARNER: tuple(names)}] for kind, names in learners.items()}


def _pass_on(
    after: dict[str, list[Route]],
    format: str,
    routes: Sequence[Route],
    name: str,
    chosen: Sequence[CompressorSpec],
) -> None:
    """Adds to `after` the formats in which a stage leaves models of one format."""
    changing: dict[str, list[str]] = {}
    kept: list[str] = [NO_STEP]
    for spec in chosen:
        if spec.produces in (ANY, format):
            kept.append(spec.name)
        else:
            changing.setdefault(spec.produces, []).append(spec.name)
    if changing:
        routes = [{**route, name: tuple(kept)} for route in routes]
    _add(after, format, routes)
    for produced, names in changing.items():
        _add(after, produced, [{name: tuple(names)}])


def _add(after: dict[str, list[Route]], format: str, routes: Iterable[Route]) -> None:
    known = after.setdefault(format, [])
    known += [route for route in routes if route not in known]


def _without_empty(parameter: StageParameter) -> StageParameter:
    """A route that asks for nothing always holds."""
    if not all(parameter.routes):
        return StageParameter(parameter.stage, parameter.choices, ())
    return parameter


def chain(params: Mapping[str, ParamValue]) -> list[str]:
    """Gives the chosen compressors in the order of their stages."""
    return [name for _, name in steps(params)]


def steps(params: Mapping[str, ParamValue]) -> list[tuple[str, str]]:
    """Gives stage and name of the chosen compressors, in the order of the stages."""
    found = []
    for stage in STAGES:
        plain = stage_parameter(stage)
        for key, value in params.items():
            if (key == plain or key.startswith(f"{plain}.")) and value != NO_STEP:
                found.append((stage, str(value)))
    return found
