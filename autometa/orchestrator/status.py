"""How a search stands, read from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.measure import Metric
from autometa.meta.attrs import PRIOR
from autometa.modelfolder import MANIFEST
from autometa.orchestrator.checks import CHECKS
from autometa.orchestrator.delivery import best_of, usable
from autometa.orchestrator.result import NO_PRIOR, best_json
from autometa.orchestrator.resume import FINISHED
from autometa.orchestrator.searching import MODEL
from autometa.search.lease import is_locked
from autometa.select.rules import Rule
from autometa.task import Task
from autometa.trial import TrialResult, counts

if TYPE_CHECKING:
    from autometa.search.study import ToldTrial


def read_status(task: Task, folder: Path, rule: Rule | None = None) -> dict[str, Any]:
    """Gives the state of a task's study; it may be running in another process.

    Args:
        task: The task.
        folder: Of its study.
        rule: Adds ``chosen``, the trial that it takes.

    Raises:
        StorageError: If the study is there and cannot be read.
        TaskError: If what the rule asks for was not measured.
    """
    from autometa.search.storage import open_to_read, opened
    from autometa.search.study import HEADER, read_study

    found = None
    if (storage := open_to_read(task.storage, folder)) is not None:
        with opened(storage):
            found = read_study(storage, task.name)
    attrs, told = found or ({}, [])
    results = [trial.result for trial in told]
    header = attrs.get(HEADER, {})
    objectives = tuple(Metric.from_json(metric) for metric in header.get("metrics", ()))
    best = best_of(results, objectives, task.constraints) if objectives else None
    model = folder / MODEL
    finished = attrs.get(FINISHED)
    asked: dict[str, Any] = {}
    if rule is not None:
        good = usable(results, task.constraints)
        asked["chosen"] = _chosen(
            rule, rule.choose(good, objectives[0]) if good else None, objectives
        )
    return {
        "task": task.name,
        "status": _status(folder, known=found is not None, finished=finished is not None),
        "problem": header.get("problem"),
        "trials": counts(results),
        "best": best_json(best, objectives),
        "model": str(model) if (model / MANIFEST).is_file() else None,
        "prior": attrs.get(PRIOR) or dict(NO_PRIOR),
        "checks": attrs.get(CHECKS, []),
        "history": [row.result.to_json() | {"prior": _why(row)} for row in told],
        **asked,
    }


def _why(told: ToldTrial) -> dict[str, Any] | None:
    """Gives why the prior proposed a trial, without the configuration, which the row has."""
    return {k: v for k, v in told.explanation.items() if k != "params"} or None


def _chosen(
    rule: Rule, result: TrialResult | None, objectives: Sequence[Metric]
) -> dict[str, Any] | None:
    shown = best_json(result, objectives)
    if shown is None:
        return None
    return {**shown, "measure": rule.measure, "measured": getattr(result, rule.measure)}


def _status(folder: Path, *, known: bool, finished: bool) -> str:
    if is_locked(folder):
        return "running"
    if not known:
        return "none"
    return "finished" if finished else "interrupted"
