"""From finished trials to the model folder: first the best trial, at the end an ensemble."""

from __future__ import annotations

import logging
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autometa import __version__, modelfolder
from autometa.chains import LEARNER, chain
from autometa.compressor import CompressorSpec
from autometa.errors import ModelFolderError, StorageError
from autometa.execution import Executor, Job, JobOutcome, JobReport
from autometa.learner import LearnerSpec
from autometa.orchestrator import exporting
from autometa.orchestrator.candidates import fitting
from autometa.orchestrator.evaluation import Evaluation
from autometa.orchestrator.runner import MEASURE
from autometa.registry import Entry, Registry
from autometa.trial import TrialResult

_log = logging.getLogger(__name__)

SELECT = "autometa.select.ensemble:select_ensemble"
SCORE = "autometa.evaluate:score_folder"
SMALLEST = "smallest"
"""The strategy that delivers one trial which is not the best, but as good and smaller."""
OBSERVER = "observer-"
"""How the ids of the jobs of observers begin."""


class Delivery:
    """Keeps the model folder of a study up to date.

    Args:
        folder: Of the model.
        evaluation: Of the search; its header goes into the manifest.
        registry: Names the distributions that are needed.
    """

    def __init__(self, folder: Path, evaluation: Evaluation, registry: Registry) -> None:
        self.folder = folder
        self.evaluation = evaluation
        self._registry = registry

    @property
    def example(self) -> Path:
        """A CSV file of a few input rows, once the test part has been scored."""
        return self.folder.with_name("example.csv")

    @property
    def predictions(self) -> Path:
        """An npy file of what the delivered model says about the test part, once it is scored."""
        return self.folder.with_name("test-predictions.npy")

    @property
    def exists(self) -> bool:
        """Whether a model folder stands there."""
        return (self.folder / modelfolder.MANIFEST).is_file()

    def delivers(self, number: int) -> bool:
        """Whether the folder holds one trial alone, and it is this one."""
        try:
            manifest = modelfolder.read_manifest(self.folder)
        except ModelFolderError:
            return False
        is_alone = [member["trial"] for member in manifest["members"]] == [number]
        return is_alone and "combination" not in manifest

    def write_single(self, result: TrialResult, models: Sequence[str]) -> None:
        """Delivers one trial, with the file that was measured of it when there is a target."""
        file = None
        if self.evaluation.opset is not None:
            file = exporting.exported(self.evaluation.trial_folder(result.number))
        self._write(self.folder, [(result, 1.0, models)], self._values(result), None, file)

    def replace(
        self,
        parts: Sequence[tuple[TrialResult, float, Sequence[str]]],
        values: Mapping[str, float | None],
        combination: Mapping[str, Any] | None,
        executor: Executor,
    ) -> bool:
        """Delivers a combination that was not a trial, if it keeps all bounds when measured.

        Args:
            parts: Trial, weight and the classes of its models.
            values: What the manifest says about its quality, by metric.
            combination: `Combination.to_json` of the parts; None for their weighted average.
            executor: Where it is measured.

        Returns:
            Whether it was delivered.
        """
        trial = self.folder.with_name("ensemble")
        self._write(trial, parts, values, combination)
        found, file = self._measure(trial, executor)
        measured = {**values, **found}
        kept = all(
            measured.get(name) is not None and float(measured[name] or 0.0) <= bound
            for name, bound in self.evaluation.bounds.items()
        )
        if kept:
            self._write(self.folder, parts, measured, combination, file)
        shutil.rmtree(trial, ignore_errors=True)
        shutil.rmtree(trial.with_name(exporting.FOLDER), ignore_errors=True)
        return kept

    def _measure(
        self, folder: Path, executor: Executor
    ) -> tuple[dict[str, float], exporting.File | None]:
        """Measures what the bounds ask for; gives the file of a target too."""
        if self.evaluation.opset is not None:
            return self._export(folder, executor)
        measured = {"size_kib": modelfolder.size_kib(folder)}
        if "gzip_kib" in self.evaluation.bounds:
            measured["gzip_kib"] = modelfolder.gzip_kib(folder)
        if "latency_ms" in self.evaluation.bounds:
            payload = {
                "folder": str(folder),
                "prepared": str(self.evaluation.prepared),
                "packages": sorted(self._registry.packages),
            }
            job = Job(
                id="measure",
                function=MEASURE,
                payload=payload,
                wall_seconds=self.evaluation.seconds,
            )
            report = run_job(executor, job)
            if report.value is not None:
                measured["latency_ms"] = float(report.value["latency_ms"])
        return {k: v for k, v in measured.items() if k in self.evaluation.bounds}, None

    def _export(
        self, folder: Path, executor: Executor
    ) -> tuple[dict[str, float], exporting.File | None]:
        """Makes the file of a model folder; gives nothing when it cannot be made."""
        output = folder.with_name(exporting.FOLDER)
        packages = self._registry.packages
        payload = exporting.export_payload(self.evaluation, folder, output, packages)
        seconds = self.evaluation.seconds
        job = Job(id="export", function=exporting.EXPORT, payload=payload, wall_seconds=seconds)
        report = run_job(executor, job)
        if report.value is None:
            _log.warning("no file of the ensemble: %s", report.reason or report.outcome)
            return {}, None
        found = dict(report.value)
        return {k: found[k] for k in self.evaluation.bounds if k in found}, (output, found)

    def _write(
        self,
        folder: Path,
        parts: Sequence[tuple[TrialResult, float, Sequence[str]]],
        values: Mapping[str, float | None],
        combination: Mapping[str, Any] | None,
        file: exporting.File | None = None,
    ) -> None:
        header = {
            **self.evaluation.header,
            **({} if combination is None else {"combination": combination}),
            **({} if file is None else {"export": file[1]}),
            "values": dict(values),
            "requires": self._requires([result for result, _, _ in parts]),
        }
        members = [self._member(*part) for part in parts]
        modelfolder.write(folder, header, members, extras=None if file is None else file[0])

    def _member(
        self, result: TrialResult, weight: float, models: Sequence[str]
    ) -> modelfolder.Member:
        folder = self.evaluation.trial_folder(result.number)
        return modelfolder.Member(
            trial=result.number,
            weight=weight,
            learner=str(result.params[LEARNER]),
            models=[(folder / f"model-{fold}", name) for fold, name in enumerate(models)],
        )

    def _values(self, result: TrialResult) -> dict[str, float | None]:
        names = [metric.name for metric in self.evaluation.objectives]
        return dict(zip(names, result.values or (), strict=False))

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the delivered folder."""
        return str(modelfolder.read_manifest(self.folder)["digest"])

    def requirements(self) -> list[str]:
        """Gives what pip must install for the delivered folder to load, with versions."""
        manifest = modelfolder.read_manifest(self.folder)
        return [f"{name}=={version}" for name, version in manifest["requires"].items() if version]

    def _requires(self, results: Sequence[TrialResult]) -> dict[str, str]:
        """Gives the distributions without which the folder cannot be loaded."""
        needed = {"autometa-core": __version__}
        for result in results:
            entries: list[Entry[LearnerSpec] | Entry[CompressorSpec]]
            entries = [self._registry.learner(str(result.params[LEARNER]))]
            entries += [self._registry.compressor(name) for name in chain(result.params)]
            needed |= {e.distribution: e.version for e in entries if e.distribution}
        return needed


def header_of(task: Mapping[str, Any], prepared: Mapping[str, Any], uid: str) -> dict[str, Any]:
    """Gives what a manifest says besides its members.

    Args:
        task: JSON of the task.
        prepared: What the preparation of the data found.
        uid: Of the study.
    """
    shape = prepared.get("image_shape")
    return {
        **({} if shape is None else {"image_shape": shape}),
        "autometa": __version__,
        "python": platform.python_version(),
        "name": task["name"],
        "study": uid,
        "seed": task["seed"],
        "data_digest": prepared["digest"],
        "problem": prepared["problem"],
        "classes": prepared["classes"],
        "class_kind": prepared["class_kind"],
        "target": task["data"]["target"],
        "schema": prepared["schema"],
    }


def select_ensemble(
    delivery: Delivery,
    candidates: Sequence[tuple[TrialResult, Sequence[str]]],
    executor: Executor,
    deadline: float,
) -> dict[str, Any] | None:
    """Delivers a combination of good trials when it holds up better and keeps all bounds.

    Where size has a bound, the smallest trial goes before what is not better beyond a standard
    error.

    Args:
        delivery: Holds the best single trial already.
        candidates: Usable trials with the classes of their models, best first.
        executor: Where the selection runs.
        deadline: Moment of `time.monotonic` at which it must be over.

    Returns:
        What `autometa.select.ensemble` found; None when a single trial is delivered.
    """
    bounds = delivery.evaluation.bounds
    # What is best may be too large together; what fits together is combined then.
    smaller = fitting(candidates, bounds)
    fallback: dict[str, Any] | None = None
    for members in (candidates, smaller) if len(smaller) < len(candidates) else (candidates,):
        chosen = _chosen(delivery.evaluation, members, executor, deadline)
        if chosen is None or chosen["strategy"] == "single":
            return None
        fallback = fallback or chosen["fallback"]
        if _deliver(delivery, chosen, members, executor):
            return chosen
    # No combination fits, but something smaller may be as good as the best trial.
    if fallback is not None and _deliver(delivery, fallback, candidates, executor):
        return fallback
    return None


def _deliver(
    delivery: Delivery,
    chosen: Mapping[str, Any],
    members: Sequence[tuple[TrialResult, Sequence[str]]],
    executor: Executor,
) -> bool:
    """Delivers what was chosen, unless it breaks a bound or the disk is full; gives whether."""
    by_number = {result.number: (result, models) for result, models in members}
    try:
        if chosen["strategy"] == SMALLEST:
            # It was measured as a trial, and keeps the bounds.
            delivery.write_single(*by_number[chosen["weights"][0][0]])
            return True
        parts = [(by_number[n][0], w, by_number[n][1]) for n, w in chosen["weights"]]
        return delivery.replace(parts, chosen["values"], chosen["combination"], executor)
    except (StorageError, FileNotFoundError) as exc:
        _log.warning("the best trial is delivered, not what is better or smaller: %s", exc)
        return False


def _chosen(
    evaluation: Evaluation,
    candidates: Sequence[tuple[TrialResult, Sequence[str]]],
    executor: Executor,
    deadline: float,
) -> dict[str, Any] | None:
    """Gives what `autometa.select.ensemble` finds in time; None when it finds nothing."""
    seconds = deadline - time.monotonic()
    is_scored = not evaluation.objectives[0].is_resource
    if not candidates or seconds < 0.2 or evaluation.n_objectives > 1 or not is_scored:
        return None
    payload = {
        "prepared": str(evaluation.prepared),
        "metrics": [metric.to_json() for metric in evaluation.predictive],
        "candidates": [_files(result, evaluation) for result, _ in candidates],
        "seconds": 0.8 * seconds,
        "wants_small": "size_kib" in evaluation.bounds,
    }
    report = run_job(
        executor, Job(id="select", function=SELECT, payload=payload, wall_seconds=seconds)
    )
    if report.outcome is not JobOutcome.OK or report.value is None:
        _log.warning("no ensemble: %s", report.reason or report.outcome)
        return None
    return dict(report.value)


def _files(result: TrialResult, evaluation: Evaluation) -> dict[str, Any]:
    folder = evaluation.trial_folder(result.number)
    files = [str(folder / f"predictions-{fold}.npy") for fold in range(evaluation.n_folds)]
    return {"number": result.number, "predictions": files, "size_kib": result.size_kib}


def score_test(delivery: Delivery, registry: Registry, executor: Executor) -> dict[str, float]:
    """Gives the scores of the delivered folder on the untouched test part, by metric."""
    evaluation = delivery.evaluation
    delivery.predictions.unlink(missing_ok=True)
    payload = {
        "folder": str(delivery.folder),
        "prepared": str(evaluation.prepared),
        "metrics": [metric.to_json() for metric in evaluation.predictive],
        "packages": sorted(registry.packages),
        "example": str(delivery.example),
        "predictions": str(delivery.predictions),
    }
    report = run_job(
        executor,
        Job(id="score", function=SCORE, payload=payload, wall_seconds=evaluation.seconds),
    )
    if report.outcome is not JobOutcome.OK or report.value is None:
        _log.warning("the test part could not be scored: %s", report.reason)
        return {}
    return {name: float(value) for name, value in report.value["scores"].items()}


def run_job(executor: Executor, job: Job, *, n_attempts: int = 2) -> JobReport:
    """Runs one job and waits for it; reports of others that come meanwhile are dropped.

    Args:
        executor: Where it runs.
        job: Of the search's own, not a trial.
        n_attempts: How often it is run when its worker dies: somebody may have killed it.
    """
    report = _run_once(executor, job)
    while report.outcome is JobOutcome.DIED and n_attempts > 1:
        _log.info("%s runs again: %s", job.id, report.reason)
        n_attempts -= 1
        report = _run_once(executor, job)
    return report


def _run_once(executor: Executor, job: Job) -> JobReport:
    executor.submit(job)
    while True:
        for report in executor.wait(0.2):
            if report.id == job.id:
                return report
            overhear(report)


def overhear(report: JobReport) -> None:
    """Takes a report that nobody waits for: an observer that failed is worth a warning."""
    if report.id.startswith(OBSERVER) and report.outcome is not JobOutcome.OK:
        _log.warning("an observer failed: %s", report.reason)
