"""The hooks a plugin may implement, all of them optional.

A plugin is a module or class named by an entry point of the group ``autometa``; it marks its
functions with `autometa.hookimpl`. Specs are records of strings, so that listing plugins imports
neither learners nor numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from autometa.learner import API_VERSION

if TYPE_CHECKING:
    from autometa.adapter import DataAdapterSpec
    from autometa.compressor import CompressorSpec
    from autometa.learner import LearnerSpec

hookspec = pluggy.HookspecMarker("autometa")
hookimpl = pluggy.HookimplMarker("autometa")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetaFeatureSpec:
    """A further meta-feature: ``factory`` names a function of (X, y) that gives a finite float."""

    name: str
    factory: str
    summary: str = ""
    api: int = API_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSpec:
    """A further place to run jobs: ``factory`` names a callable of `limits` giving an executor."""

    name: str
    factory: str
    summary: str = ""
    api: int = API_VERSION


@hookspec
def autometa_learners() -> Sequence[LearnerSpec]:  # type: ignore[empty-body]
    """Gives the learners of this plugin."""


@hookspec
def autometa_compressors() -> Sequence[CompressorSpec]:  # type: ignore[empty-body]
    """Gives the compressors of this plugin."""


@hookspec
def autometa_data_adapters() -> Sequence[DataAdapterSpec]:  # type: ignore[empty-body]
    """Gives the data adapters of this plugin."""


@hookspec
def autometa_metafeatures() -> Sequence[MetaFeatureSpec]:  # type: ignore[empty-body]
    """Gives further meta-features; each must be finite for any valid dataset."""


@hookspec
def autometa_executors() -> Sequence[ExecutorSpec]:  # type: ignore[empty-body]
    """Gives further executors."""


@hookspec
def autometa_trial_finished(task: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Is told of every finished trial, in a worker; what it raises is logged and ignored.

    Args:
        task: The task file's content as JSON.
        result: `TrialResult.to_json` of the trial.
    """


@hookspec
def autometa_task_finished(task: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """Is told of the finished task, in a worker; what it raises is logged and ignored.

    Args:
        task: The task file's content as JSON.
        report: What ``autometa optimize --json`` prints.
    """
