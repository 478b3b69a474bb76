"""How a search stands, read from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.measure import Metric
from autometa.meta.attrs import PRIOR
from autometa.modelfolder import MANIFEST
from autometa.orchestrator.candidates import best_of, usable
from autometa.orchestrator.checks import CHECKS
from autometa.orchestrator.result import NO_PRIOR, best_json, no_model, reasons
from autometa.orchestrator.resume import FAILED, FINISHED, is_used_up
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
    best = best_of(results, objectives, task.bounds) if objectives else None
    model = folder / MODEL
    status = _status(task, folder, attrs, known=found is not None)
    asked: dict[str, Any] = {}
    if rule is not None:
        good = usable(results, task.bounds)
        asked["chosen"] = _chosen(
            rule, rule.choose(good, objectives[0]) if good else None, objectives
        )
    return {
        "task": task.name,
        "status": status,
        "problem": header.get("problem"),
        "trials": counts(results),
        "best": best_json(best, objectives),
        "failure": _failure(results, task.bounds) if status == "failed" else None,
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


def _status(task: Task, folder: Path, attrs: Mapping[str, Any], *, known: bool) -> str:
    if is_locked(folder):
        return "running"
    if not known:
        return "none"
    if attrs.get(FAILED):
        return "failed"
    kept = attrs.get(FINISHED)
    if not kept or (kept.get("reopened") and not is_used_up(task, kept)):
        return "interrupted"
    return "finished"


def _failure(results: Sequence[TrialResult], bounds: Mapping[str, float]) -> dict[str, Any]:
    """Gives what ``optimize`` said at the end, and the reasons of all trials with their number."""
    error = no_model(results, bounds)
    return {"message": error.message, "hint": error.hint, "reasons": reasons(results)}
