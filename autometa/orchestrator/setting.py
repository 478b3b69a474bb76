"""What a search is about: metrics, space, first configurations, and the constant to beat."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.chains import plan_chains
from autometa.errors import PluginError, TaskError
from autometa.execution import Executor, Job, JobOutcome
from autometa.learner import Space
from autometa.measure import DEFAULT_METRIC, RESOURCES, Metric, find_metric
from autometa.orchestrator.data import PreparedData, wants_small
from autometa.orchestrator.delivery import run_job
from autometa.orchestrator.evaluation import Evaluation
from autometa.orchestrator.runner import RUN_FOLD
from autometa.plugins import space_of
from autometa.registry import BASELINE, FIRST, Entry, Registry
from autometa.search.space import defaults, join
from autometa.search.unlabelled import labelling_space, with_labelling
from autometa.task import Task
from autometa.trial import ParamValue

if TYPE_CHECKING:
    from autometa.compressor import CompressorSpec
    from autometa.learner import LearnerSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is searched and for what; frozen in the study.

    Args:
        objectives: The first leads.
        bounds: Upper bound by metric name.
        bounded: The metrics of `bounds` that are no objectives.
        space: Joint space of all parts.
        initial: Default configurations, in the order in which they are tried.
        notes: One line on each part that was left out.
    """

    objectives: tuple[Metric, ...]
    bounds: Mapping[str, float]
    bounded: tuple[Metric, ...]
    space: Space
    initial: tuple[Mapping[str, ParamValue], ...]
    notes: tuple[str, ...] = field(default=())


def setting_of(task: Task, prepared: PreparedData, registry: Registry) -> Setting:
    """Gives the setting of a new study.

    Raises:
        TaskError: If a metric does not exist or does not fit the problem.
        PluginError: If a named plugin is missing, broken or does not fit, or none is left.
    """
    objectives, bounded = metrics_of(task, prepared)
    notes: list[str] = []
    learners = _learners(task, prepared, registry, notes)
    spaces = {entry.spec.name: space for entry, space in learners}
    compressors = _compressors(task, prepared.modality, registry, notes)
    chains = plan_chains(
        {entry.spec.name: entry.spec.format for entry, _ in learners},
        [entry.spec for entry, _ in compressors],
    )
    _tell_unfit(chains.unfit, task, notes)
    labelling = labelling_space(prepared.modality) if prepared.n_unlabelled else None
    own = {entry.spec.name: space for entry, space in compressors}
    space = join(spaces, chains, own, labelling)
    initial = [defaults(space, name, own) for name, own in spaces.items()]
    return Setting(
        objectives=objectives,
        bounds=task.bounds,
        bounded=bounded,
        space=space,
        initial=tuple(initial if labelling is None else with_labelling(initial, labelling)),
        notes=tuple(notes),
    )


def metrics_of(task: Task, prepared: PreparedData) -> tuple[tuple[Metric, ...], tuple[Metric, ...]]:
    """Gives the objectives, and the metrics that are only bounded.

    Raises:
        TaskError: If one does not exist or does not fit the problem.
    """
    problem, positive = prepared.problem, int(prepared.info.get("positive") or 0)
    wanted: list[tuple[str, str | None]]
    if task.objectives is None:
        wanted = [(DEFAULT_METRIC.get(problem, ""), None)]
    else:
        wanted = [(objective.metric, objective.direction) for objective in task.objectives]
    objectives = tuple(
        _placed(find_metric(name, direction=direction, problem=problem), positive, task)
        for name, direction in wanted
    )
    if len({metric.name for metric in objectives}) < len(objectives):
        raise TaskError("an objective is named twice.", key="objectives", hint="Name it once.")
    known = {metric.name for metric in objectives}
    bounded = []
    if task.target is None and "memory_mib" in {*known, *task.constraints}:
        raise TaskError(
            "memory_mib is measured of the file of a target.",
            key="constraints.memory_mib",
            hint="Add 'target: edge-cpu', or leave it out.",
        )
    for name in task.bounds:
        metric = _placed(find_metric(name, problem=problem), positive, task)
        if metric.direction != "minimize":
            raise TaskError(
                f"constraints are upper bounds, and {name} is better when it is higher.",
                key=f"constraints.{name}",
                hint="Bound its counterpart (error instead of accuracy), or make it an objective.",
            )
        if name not in known:
            bounded.append(metric)
    if all(metric.is_resource for metric in (*objectives, *bounded)):
        raise TaskError(
            "no objective and no bound is about what a model predicts.",
            key="objectives",
            hint=f"Add one, such as {DEFAULT_METRIC.get(problem, 'log_loss')}.",
        )
    return objectives, tuple(bounded)


def first_objective(task: Task, problem: str) -> str:
    """Gives the name of the first objective that is taken of predictions, or "" without one."""
    if task.objectives is None:
        return DEFAULT_METRIC.get(problem, "")
    names = [objective.metric for objective in task.objectives]
    return next((name for name in names if name not in RESOURCES), "")


def _placed(metric: Metric, positive: int, task: Task) -> Metric:
    """Takes a metric's module from beside the task file, when it lies there."""
    module, colon, function = metric.function.partition(":")
    place = task.folder / f"{module}.py"
    if colon and place.is_file():
        return replace(metric, function=f"{place.resolve()}:{function}", positive=positive)
    return replace(metric, positive=positive)


def _learners(
    task: Task, prepared: PreparedData, registry: Registry, notes: list[str]
) -> list[tuple[Entry[LearnerSpec], Space]]:
    """Gives the learners that are searched, in their `turn`, with their spaces."""
    problem, modality = prepared.problem, prepared.modality
    if task.search.learners is not None:
        entries = [registry.learner(name) for name in task.search.learners]
        for entry in entries:
            if modality not in entry.spec.modalities:
                fitting = ", ".join(sorted(_names(registry, problem, modality)))
                raise PluginError(
                    f"learner {entry.spec.name!r} does not take {modality} data.",
                    hint=f"These do: {fitting or 'none that is installed'}.",
                )
            if problem not in entry.spec.problems:
                fitting = ", ".join(sorted(_names(registry, problem, modality)))
                raise PluginError(
                    f"learner {entry.spec.name!r} is not for {problem}.",
                    hint=f"These are: {fitting}.",
                )
            if not _can_be_exported(entry, task):
                asking = "search.export" if task.target is None else "target"
                raise PluginError(
                    f"learner {entry.spec.name!r} writes no ONNX file, which {asking} asks for.",
                    hint=f"Leave it out of search.learners, or leave out {asking}.",
                )
        found = [(entry, space_of(entry)) for entry in entries]
    else:
        entries = [registry.learner(name) for name in _names(registry, problem, modality)]
        entries = [entry for entry in entries if _can_be_exported(entry, task)]
        found = list(_with_spaces(entries, notes))
    if not found:
        raise PluginError(
            f"no installed learner is for {problem} of {modality} data.",
            hint="See: autometa plugins list",
        )
    return sorted(found, key=lambda pair: turn(pair[0].spec))


def turn(spec: LearnerSpec) -> tuple[bool, float, str]:
    """When a learner's default is tried: low comes first."""
    return FIRST not in spec.capabilities, spec.cost, spec.name


def _can_be_exported(entry: Entry[LearnerSpec], task: Task) -> bool:
    """Whether a learner's models can become a file, where the task asks for it."""
    is_asked = task.target is not None or task.search.export == "onnx"
    return not is_asked or "export:onnx" in entry.spec.capabilities


def _names(registry: Registry, problem: str, modality: str) -> list[str]:
    names = registry.default_learners(modality)
    return [name for name in names if problem in registry.learners[name].spec.problems]


def _compressors(
    task: Task, modality: str, registry: Registry, notes: list[str]
) -> list[tuple[Entry[CompressorSpec], Space]]:
    if task.search.compressors is not None:
        named = [registry.compressor(name) for name in task.search.compressors]
        for entry in named:
            if not _takes(entry.spec, modality):
                raise PluginError(
                    f"compressor {entry.spec.name!r} does not take models of {modality} data.",
                    hint="Leave it out of search.compressors.",
                )
        return [(entry, space_of(entry)) for entry in named]
    if not wants_small(task):
        return []
    fitting = [e for e in registry.compressors.values() if _takes(e.spec, modality)]
    return list(_with_spaces(fitting, notes))


def _takes(spec: CompressorSpec, modality: str) -> bool:
    return bool({"*", modality} & spec.modalities)


def _tell_unfit(unfit: Sequence[str], task: Task, notes: list[str]) -> None:
    """Says which compressors no chain can hold.

    Raises:
        PluginError: If the task names one.
    """
    for name in unfit:
        reason = f"the compressor {name} takes no model that the searched learners can give"
        if task.search.compressors:
            raise PluginError(
                f"{reason}.", hint="Leave it out of search.compressors, or search other learners."
            )
        notes.append(f"{name} is left out: {reason}")


def _with_spaces(entries: Iterable[Any], notes: list[str]) -> Iterable[tuple[Any, Space]]:
    """Leaves out, with a note, what cannot even say what it searches."""
    for entry in entries:
        try:
            yield entry, space_of(entry)
        except PluginError as exc:
            notes.append(f"{entry.spec.name} is left out: {exc}")
            _log.warning("%s is left out: %s", entry.spec.name, exc)


def evaluation_of(
    task: Task,
    setting: Setting,
    prepared: PreparedData,
    folder: Path,
    header: Mapping[str, Any],
    *,
    registry: Registry,
) -> Evaluation:
    """Gives what is the same for every trial.

    Args:
        task: The task.
        setting: Of the study.
        prepared: The data.
        folder: Of the study.
        header: Of its model folders.
        registry: Knows the learners that may become students.
    """
    shares = any(name.startswith("compress.") for name in setting.space.params)
    return Evaluation(
        prepared=prepared.folder,
        n_folds=int(prepared.info["n_folds"]),
        n_delivered=int(prepared.info.get("n_delivered", prepared.info["n_folds"])),
        metrics=(*setting.objectives, *setting.bounded),
        n_objectives=len(setting.objectives),
        bounds=setting.bounds,
        seconds=task.limits.trial_seconds,
        n_threads=task.limits.threads_per_trial,
        folder=folder / "trials",
        header=header,
        opset=None if task.target is None else task.target.opset,
        shared_seed=task.seed if shares else None,
        students=_students(prepared, registry) if shares else {},
    )


def _students(prepared: PreparedData, registry: Registry) -> dict[str, str]:
    """Gives the factories of the learners that distillation may train, opt-in ones too."""
    specs = [entry.spec for entry in registry.learners.values()]
    return {
        spec.name: spec.factory
        for spec in specs
        if prepared.problem in spec.problems
        and prepared.modality in spec.modalities
        and "soft_labels" in spec.capabilities
        and BASELINE not in spec.capabilities
    }


def baseline(
    evaluation: Evaluation, problem: str, registry: Registry, executor: Executor, seed: int
) -> dict[str, float]:
    """Gives what a constant prediction scores, by metric: mean over folds, user's units.

    The reference is whichever learner declares the capability ``baseline``; {} without one.
    """
    names = [
        name
        for name, entry in registry.learners.items()
        if BASELINE in entry.spec.capabilities and problem in entry.spec.problems
    ]
    if not names:
        return {}
    folder = evaluation.folder.with_name("baseline")
    folder.mkdir(parents=True, exist_ok=True)
    scores: list[list[float]] = []
    for fold in range(evaluation.n_folds):
        payload = {
            "prepared": str(evaluation.prepared),
            "fold": fold,
            "fidelity": 1.0,
            "learner": registry.learner(names[0]).spec.factory,
            "version": registry.learner(names[0]).version,
            "config": {},
            "chain": [],
            "metrics": [metric.to_json() for metric in evaluation.predictive],
            "seed": seed,
            "n_threads": evaluation.n_threads,
            "folder": str(folder),
            "keep_below": float("-inf"),
        }
        job = Job(id=f"baseline-{fold}", function=RUN_FOLD, payload=payload, wall_seconds=30.0)
        report = run_job(executor, job)
        if report.outcome is not JobOutcome.OK or not (report.value or {}).get("scores"):
            _log.warning("no baseline: %s", report.reason or report.value)
            return {}
        scores.append(list((report.value or {})["scores"]))
    return {
        metric.name: sum(column) / len(column)
        for metric, column in zip(evaluation.predictive, zip(*scores, strict=True), strict=True)
    }
