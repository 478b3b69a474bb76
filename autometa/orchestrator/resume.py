"""What must hold for a study to go on, and what a finished one says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.chains import LEARNER
from autometa.errors import DataError, PluginError, TaskError
from autometa.measure import Metric
from autometa.meta.spaces import space_from_json, space_to_json
from autometa.modelfolder import MANIFEST
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.setting import Setting
from autometa.registry import Registry
from autometa.report import FILE
from autometa.task import Task
from autometa.taskdiff import Effect, diff

if TYPE_CHECKING:
    from autometa.search.study import SearchStudy

_log = logging.getLogger(__name__)

FINISHED = "autometa_finished"
"""Attribute of a study whose search ended with a model; ``reopened`` in it: it goes on since."""

FAILED = "autometa_failed"
"""Attribute of a study whose budget is used up without a usable trial."""


def header(task: Task, setting: Setting, prepared: PreparedData, uid: str) -> dict[str, Any]:
    """Gives what a new study keeps about itself; `frozen_setting` reads it."""
    return {
        "version": 1,
        "uid": uid,
        "name": task.name,
        "task": task.to_json(),
        "data_digest": prepared.digest,
        "fingerprint": [prepared.info["column_signature"], prepared.info["row_minhash"]],
        "problem": prepared.problem,
        "objectives": [[metric.name, metric.direction] for metric in setting.objectives],
        "metrics": [metric.to_json() for metric in setting.objectives],
        "bounded": [metric.to_json() for metric in setting.bounded],
        "space": space_to_json(setting.space),
        "initial": [dict(params) for params in setting.initial],
    }


def check_task(task: Task, kept: Mapping[str, Any], path: str, folder: Path) -> None:
    """Refuses to go on when the task now asks another question.

    Args:
        task: As it is now.
        kept: The study's header.
        path: Of the task file, for messages.
        folder: Of the study, which may be of another task of this name in the same workspace.

    Raises:
        TaskError: If a change affects the search; shows every such change.
    """
    changes = diff(Task.from_json(kept["task"], path=task.path), task)
    decisive = [change for change in changes if change.effect is Effect.SEARCH]
    if decisive:
        shown = "; ".join(str(change) for change in decisive)
        raise TaskError(
            f"the study has begun with other settings: {shown}.",
            file=path,
            key=decisive[0].key,
            hint="Undo the change, give the task another name, or start anew with --fresh."
            f" The study is in {folder}.",
        )
    for change in changes:
        _log.info("changed since the last run: %s", change)


def check_data(prepared: PreparedData, kept: Mapping[str, Any], source: str) -> None:
    """Refuses to go on with other data.

    Raises:
        DataError: If the content differs from what the study began with.
    """
    if prepared.digest != kept["data_digest"]:
        raise DataError(
            f"{source} has changed since the study began"
            f" (digest {kept['data_digest'][:12]}, now {prepared.digest[:12]}).",
            hint="Restore the file, or start anew with --fresh.",
        )


def frozen_setting(
    task: Task, kept: Mapping[str, Any], registry: Registry, now: Setting
) -> Setting:
    """Gives the setting that a study began with.

    Args:
        task: As it is now.
        kept: The study's header.
        registry: What is installed now.
        now: What a new study would get.

    Raises:
        PluginError: If a part of the space is not installed any more.
    """
    space = space_from_json(kept["space"])
    learners = space.params[LEARNER].choices  # type: ignore[attr-defined]
    for name in learners:
        if name not in registry.learners:
            raise PluginError(
                f"the study searches learner {name!r}, which is not installed any more.",
                hint="Install its plugin again, or start anew with --fresh.",
            )
    added = set(now.space.params[LEARNER].choices) - set(learners)  # type: ignore[attr-defined]
    if added:
        _log.warning(
            "%s came after the study began and is not searched; --fresh would", sorted(added)
        )
    return Setting(
        objectives=tuple(Metric.from_json(metric) for metric in kept["metrics"]),
        bounds=task.bounds,
        bounded=tuple(Metric.from_json(metric) for metric in kept["bounded"]),
        space=space,
        initial=tuple(kept["initial"]),
    )


def finished_report(study: SearchStudy, task: Task, model: Path) -> dict[str, Any] | None:
    """Gives what the last run printed when this budget would add nothing to it, else None.

    Args:
        study: The study.
        task: As it is now.
        model: Where the model folder must stand; the workspace may have been moved since.
    """
    kept = study.attr(FINISHED)
    if not kept or not (model / MANIFEST).is_file():
        return None
    if not is_used_up(task, kept):
        return None
    page = model.with_name(FILE)
    moved = {"model": str(model), "report": str(page) if page.is_file() else None}
    return {**kept["report"], **moved}


def failed_report(study: SearchStudy, task: Task) -> dict[str, Any] | None:
    """Gives the last run's report when it ended without a model and this budget adds no trial.

    None otherwise, and when no trial ended at all: another run may be quick enough.
    """
    kept = study.attr(FAILED)
    if not kept or not study.told or not is_used_up(task, kept):
        return None
    return dict(kept["report"])


def is_used_up(task: Task, kept: Mapping[str, Any]) -> bool:
    """Whether a search that ended has no budget left, by what its study kept of it."""
    trials, seconds = task.budget.trials, task.budget.seconds
    used_trials = trials is not None and kept["trials"] >= trials
    used_seconds = seconds is not None and kept["seconds"] >= seconds
    return bool(used_trials or used_seconds)


def mark_ended(study: SearchStudy, task: Task, report: Mapping[str, Any]) -> None:
    """Keeps the final report with the study; a higher budget goes on from here."""
    n_trials = sum(report["trials"].values())
    seconds = float(report["seconds"])
    if task.budget.seconds is not None and not report["stopped_by_trials"]:
        seconds = max(seconds, task.budget.seconds)
    key = FAILED if report["best"] is None else FINISHED
    study.set_attr(key, {"trials": n_trials, "seconds": seconds, "report": dict(report)})


def reopen(study: SearchStudy) -> None:
    """Notes that the study, which had ended, is searched again."""
    if study.attr(FAILED):
        study.set_attr(FAILED, None)
    if kept := study.attr(FINISHED):
        study.set_attr(FINISHED, {**kept, "reopened": True})
