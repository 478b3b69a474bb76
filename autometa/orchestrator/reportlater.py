"""The report of a study from what it left: also while it runs, and with a learning curve."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from autometa.chains import LEARNER
from autometa.errors import StorageError
from autometa.execution import Executor, Job, JobOutcome
from autometa.labelling import labelling_of
from autometa.measure import Metric
from autometa.meta.attrs import BASELINE
from autometa.orchestrator.candidates import usable
from autometa.orchestrator.delivery import run_job
from autometa.orchestrator.reporting import PREPARED, ReportJob, material
from autometa.orchestrator.result import best_json
from autometa.orchestrator.resume import FINISHED
from autometa.orchestrator.runner import RUN_FOLD
from autometa.orchestrator.status import read_status
from autometa.registry import Registry
from autometa.report import FILE
from autometa.search.space import part
from autometa.select.pareto import front
from autometa.task import Task

if TYPE_CHECKING:
    from autometa.search.study import ToldTrial

PATIENCE_SECONDS = 180.0
SIZES = (0.1, 0.2, 0.4, 0.7, 1.0)
"""Shares of the training rows of a learning curve."""

FEWEST_ROWS = 20
MOST_FOLDS = 3


def report_later(
    task: Task,
    *,
    folder: Path,
    registry: Registry,
    executor: Executor,
    output: Path | None,
    learning_curve: bool,
) -> dict[str, Any]:
    """Writes the page; see `autometa.defaults.report`."""
    from autometa.search.study import HEADER

    status = read_status(task, folder)
    attrs, told = _study(task, folder)
    if not told:
        raise StorageError(
            f"task {task.name!r} has no trials to report on.", hint="Run autometa optimize first."
        )
    objectives = [Metric.from_json(metric) for metric in attrs[HEADER]["metrics"]]
    final = {
        **status,
        "baseline": attrs.get(BASELINE) or {},
        "front": _front(task, told, objectives),
    }
    if kept := (attrs.get(FINISHED) or {}).get("report"):
        final = {**kept, **{k: status[k] for k in ("status", "trials", "best", "model")}}
    data = material(task, attrs[HEADER], told, final, folder=folder, registry=registry)
    with TemporaryDirectory(prefix="autometa-") as place:
        if learning_curve:
            data["curve"] = _curve(task, data, registry, executor, Path(place))
        job = ReportJob(Path(place), executor, output or folder / FILE)
        written = job.write(data, patience=PATIENCE_SECONDS, seconds=None)
    if written is None:
        raise StorageError("the report could not be written.", hint="See the warning above.")
    return {
        "task": task.name,
        "status": final["status"],
        "report": written["path"],
        "size_kib": round(written["size_kib"], 1),
    }


def _study(task: Task, folder: Path) -> tuple[dict[str, Any], list[ToldTrial]]:
    from autometa.search.storage import open_to_read, opened
    from autometa.search.study import read_study

    storage = open_to_read(task.storage, folder)
    if storage is None:
        return {}, []
    with opened(storage):
        return read_study(storage, task.name) or ({}, [])


def _front(
    task: Task, told: Sequence[ToldTrial], objectives: Sequence[Metric]
) -> list[dict[str, Any] | None]:
    if len(objectives) < 2:
        return []
    good = usable([trial.result for trial in told], task.bounds)
    losses = [
        [m.loss(v) for m, v in zip(objectives, result.values or (), strict=True)] for result in good
    ]
    return [best_json(good[index], objectives) for index in front(losses)]


def _curve(
    task: Task, data: Mapping[str, Any], registry: Registry, executor: Executor, place: Path
) -> dict[str, Any]:
    """Fits the best configuration, without compression, on growing parts of the training rows.

    Returns:
        What `Material.curve` is; {} without a best trial or data.
    """
    best = data["final"].get("best")
    metric = next((m for m in data["objectives"] if not Metric.from_json(m).is_resource), None)
    if not best or metric is None or data["prepared"] is None:
        return {}
    info = json.loads((Path(data["prepared"]) / PREPARED).read_bytes())
    n_folds = int(info["n_folds"])
    n_rows = int(info["n_train"]) * (n_folds - 1) // n_folds if n_folds > 1 else info["n_train"]
    learner = str(best["params"][LEARNER])
    entry = registry.learner(learner)
    payload = {
        "prepared": data["prepared"],
        "learner": entry.spec.factory,
        "version": entry.version,
        "config": part(best["params"], learner),
        "chain": [],
        "labelling": labelling_of(best["params"]),
        "metrics": [metric],
        "seed": task.seed,
        "n_threads": task.limits.threads_per_trial,
        "folder": str(place),
        "keep_below": float("-inf"),
    }
    found: dict[int, list[float]] = {}
    for size in SIZES:
        if size * n_rows < FEWEST_ROWS:
            continue
        for fold in range(min(n_folds, MOST_FOLDS)):
            job = Job(
                id=f"curve-{size}-{fold}",
                function=RUN_FOLD,
                payload={**payload, "fold": fold, "fidelity": size},
                wall_seconds=task.limits.trial_seconds,
            )
            report = run_job(executor, job)
            if report.outcome is JobOutcome.OK and (scores := (report.value or {}).get("scores")):
                found.setdefault(round(size * n_rows), []).append(float(scores[0]))
    if len(found) < 2:
        return {}
    return {
        "rows": list(found),
        "scores": list(found.values()),
        "learner": learner,
        "metric": metric["name"],
    }
