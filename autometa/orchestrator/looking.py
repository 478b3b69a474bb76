"""Looking at data without searching: what `autometa check` and `autometa init` ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autometa.checking.finding import Severity
from autometa.execution import Executor, Job
from autometa.orchestrator.checks import find
from autometa.orchestrator.data import prepare_data, value_of
from autometa.orchestrator.delivery import run_job
from autometa.orchestrator.setting import setting_of
from autometa.registry import Registry
from autometa.task import Task

LOOK = "autometa.look:look"

_TOLD = (
    "problem",
    "reason",
    "n_rows",
    "n_train",
    "n_test",
    "n_features",
    "image_shape",
    "n_folds",
    "split",
    "dropped",
    "warnings",
)


def check_report(
    task: Task, registry: Registry, executor: Executor, folder: Path
) -> dict[str, Any]:
    """Prepares the data of a task as a search would, and checks it and what the task names.

    Args:
        task: The task.
        registry: Has the adapters.
        executor: Where the data is read.
        folder: Takes the prepared data.

    Returns:
        ``task``, ``status`` (``ok``, ``warning`` or ``error``), what the preparation
        found, and ``findings``.

    Raises:
        AutometaError: If the data cannot be prepared, or the task names a metric, a learner or
            a compressor that there is not or that does not fit.
    """
    prepared = prepare_data(task, registry, executor, folder)
    setting_of(task, prepared, registry)
    findings = find(prepared, executor, task)
    grave = [finding for finding in findings if finding.severity is not Severity.INFO]
    return {
        "task": task.name,
        "status": grave[0].severity.value if grave else "ok",
        **{key: prepared.info[key] for key in _TOLD if key in prepared.info},
        "n_unlabelled": prepared.n_unlabelled,
        "findings": [finding.to_json() for finding in findings],
    }


def look_at(
    sources: Sequence[str],
    adapter: str,
    options: Mapping[str, Any],
    target: str | None,
    executor: Executor,
) -> dict[str, Any]:
    """Gives what `autometa.look.look` finds.

    Args:
        sources: Absolute paths, or ``scheme:rest``.
        adapter: ``"package.module:Class"``.
        options: ``data.options``.
        target: The column to predict; None = guessed.
        executor: Where the data is read.

    Raises:
        AutometaError: If the data cannot be read, or has no such target.
    """
    payload: dict[str, Any] = {
        "source": list(sources),
        "adapter": adapter,
        "options": dict(options),
        "target": target,
    }
    return dict(value_of(run_job(executor, Job(id="look", function=LOOK, payload=payload))))
