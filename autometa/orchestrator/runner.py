"""Turns proposals into jobs and job reports into trial results."""

from __future__ import annotations

import json
import math
import shutil
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from autometa import modelfolder
from autometa.chains import LEARNER, steps
from autometa.errors import StorageError
from autometa.execution import Executor, Job, JobOutcome, JobReport
from autometa.labelling import labelling_of
from autometa.making import STEP
from autometa.orchestrator import exporting
from autometa.orchestrator.evaluation import Evaluation
from autometa.orchestrator.interrupted import CHECKPOINTS, note
from autometa.orchestrator.rivals import Rivals
from autometa.orchestrator.running import OUTCOMES, Running, reason_of
from autometa.registry import Registry
from autometa.search.space import part
from autometa.search.study import Proposal
from autometa.trial import Outcome, ParamValue, TrialResult

RUN_FOLD = "autometa.evaluate:run_fold"
MEASURE = "autometa.evaluate:measure_folder"
CHECKPOINT = "checkpoint"
"""Capability of learners whose fits go on where they were interrupted."""
MODELS = "models.json"
FOLD = "-fold-"
"""What the id of a job that fits has between trial and fold."""
DELIVERABLE = "deliverable"
"""Folder of what a trial alone would deliver, while it is measured."""
ROW_SECONDS = "row-seconds.json"
PSEUDO_LABELLED = "pseudo_labelled"
"""Metric of a trial: rows without a target that got a label, mean over folds."""
STORAGE_ERROR = f"{StorageError.__module__}.{StorageError.__qualname__}"
BEATEN = "beaten before latency was measured"
KEPT_TRIALS = 24
"""Trials whose models and predictions stay on disk, as candidates of the ensemble."""


class Runner:
    """Runs trials, fold by fold, on an executor.

    Args:
        evaluation: What is the same for all.
        executor: Where jobs run.
        registry: Resolves names of learners and compressors.
    """

    def __init__(self, evaluation: Evaluation, executor: Executor, registry: Registry) -> None:
        self._evaluation = evaluation
        self._executor = executor
        self._registry = registry
        self._running: dict[str, Running] = {}
        self._rivals = Rivals(evaluation, registry)
        self.models: dict[int, list[str]] = {}
        self.row_seconds: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._running)

    @property
    def proposals(self) -> list[Proposal]:
        """What is in flight."""
        return [running.proposal for running in self._running.values()]

    def learn(self, result: TrialResult) -> None:
        """Takes a told result as something to compare later trials with."""
        self._rivals.learn(result)

    def recover(self, result: TrialResult) -> None:
        """Finds the models that a trial of an earlier run left, if they are still there."""
        folder = self._evaluation.trial_folder(result.number)
        try:
            names = json.loads((folder / MODELS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        files = [folder / f"predictions-{fold}.npy" for fold in range(self._evaluation.n_folds)]
        models = [folder / f"model-{fold}" for fold in range(len(names))]
        if self._evaluation.opset is not None:
            models += [folder / exporting.FOLDER, folder / exporting.REPORT]
        if all(path.exists() for path in (*files, *models)):
            self.models[result.number] = names
            with suppress(OSError, ValueError):
                seconds = float((folder / ROW_SECONDS).read_text(encoding="utf-8"))
                self.row_seconds[result.number] = seconds

    def start(self, proposal: Proposal, *, is_again: bool = False) -> None:
        """Starts the first fold of a trial.

        Args:
            proposal: What is tried.
            is_again: Whether its result is known and only its files are wanted: it is then not
                pruned, and all its models are kept.
        """
        folder = self._evaluation.trial_folder(proposal.number)
        _clear(folder)
        if CHECKPOINT in self._registry.learner(str(proposal.params[LEARNER])).spec.capabilities:
            note(folder, proposal)
        self._submit_fold(Running(proposal, is_again))

    def owns(self, report: JobReport) -> bool:
        """Whether the report is of a trial in flight."""
        return report.id in self._running

    def handle(self, report: JobReport) -> tuple[Proposal, TrialResult] | None:
        """Takes a report that it `owns`; gives the trial's result when it ended the trial.

        Raises:
            StorageError: If the worker could not write: no trial can help that.
        """
        if report.error_type == STORAGE_ERROR:
            data = report.error_data
            raise StorageError(str(data["message"]), hint=str(data["hint"]))
        running = self._running.pop(report.id)
        running.cost_seconds += report.cpu_seconds
        if FOLD in report.id:  # what measuring takes is not taken from other folds
            running.wall_seconds += report.wall_seconds
        if report.outcome is not JobOutcome.OK:
            why = reason_of(report, running, self._evaluation.seconds)
            return self._end(running, OUTCOMES[report.outcome], why)
        value = report.value or {}
        if "parity" in value:
            folder = self._evaluation.trial_folder(running.proposal.number)
            running.file = exporting.keep_report(folder, value)
            running.size_kib, running.latency_ms = value["size_kib"], value.get("latency_ms")
            if running.latency_ms is None and running.size_kib <= self._most_kib:
                return self._end(running, Outcome.DOMINATED, BEATEN)
            return self._after_measuring(running)
        if "latency_ms" in value:
            running.latency_ms = float(value["latency_ms"])
            return self._after_measuring(running)
        running.rungs = running.rungs or tuple((int(r), loss) for r, loss in value.get("rungs", ()))
        if reason := value.get("pruned"):
            return self._end(running, Outcome.PRUNED, str(reason))
        if reason := value.get("invalid"):
            return self._end(running, Outcome.INVALID_SCORE, str(reason))
        return self._after_fold(running, value)

    def cancel(self) -> list[Proposal]:
        """Stops everything in flight and gives what was."""
        proposals = self.proposals
        for job_id in list(self._running):
            self._executor.cancel(job_id)
        self._running.clear()
        return proposals

    def discard(self, keep: set[int]) -> None:
        """Removes the files of trials that are not in `keep`."""
        for number in [number for number in self.models if number not in keep]:
            del self.models[number]
            shutil.rmtree(self._evaluation.trial_folder(number), ignore_errors=True)

    def _after_fold(
        self, running: Running, value: Mapping[str, Any]
    ) -> tuple[Proposal, TrialResult] | None:
        running.scores.append([float(score) for score in value["scores"]])
        if len(running.models) < self._evaluation.n_delivered:
            running.models.append(value["model"])
            running.row_seconds += value["row_seconds"]
        if "n_pseudo_labelled" in value:
            running.n_labelled.append(int(value["n_pseudo_labelled"]))
        n_done = len(running.scores)
        if n_done < self._evaluation.n_folds and self._rivals.beat(running):
            reason = f"worse than the best on {n_done} of the folds"
            return self._end(running, Outcome.PRUNED, reason)
        if self._evaluation.needs_deliverable and n_done == self._evaluation.n_judged:
            return self._measure(running)
        return self._next_fold(running)

    def _after_measuring(self, running: Running) -> tuple[Proposal, TrialResult] | None:
        """Spares what is too large or too slow its other folds, unless its files are wanted."""
        measured, bounds = self._measured(running), self._evaluation.deliverable_bounds
        breaks = any(measured.get(name, 0.0) > bound for name, bound in bounds.items())
        if breaks and not running.is_again:
            return self._complete(running)
        return self._next_fold(running)

    def _next_fold(self, running: Running) -> tuple[Proposal, TrialResult] | None:
        if len(running.scores) == self._evaluation.n_folds:
            return self._complete(running)
        self._submit_fold(running)
        return None

    def _submit_fold(self, running: Running) -> None:
        proposal, evaluation = running.proposal, self._evaluation
        fold = len(running.scores)
        name = str(proposal.params[LEARNER])
        keep = math.inf
        is_choosy = evaluation.n_objectives == 1 and not evaluation.needs_deliverable
        if fold >= evaluation.n_delivered:
            keep = -math.inf
        elif is_choosy and not running.is_again:
            keep = self._rivals.keep_below(KEPT_TRIALS, fold)
        learner, labelling = self._registry.learner(name), labelling_of(proposal.params)
        payload = {
            "prepared": str(evaluation.prepared),
            "fold": fold,
            "fidelity": 1.0,
            "learner": learner.spec.factory,
            "version": learner.version,
            "config": part(proposal.params, name),
            "chain": self._chain(proposal.params),
            "labelling": labelling,
            "students": dict(evaluation.students),
            "store": None if evaluation.store is None else str(evaluation.store),
            "metrics": [metric.to_json() for metric in evaluation.predictive],
            "seed": self._seed(proposal),
            "n_threads": evaluation.n_threads,
            "folder": str(evaluation.trial_folder(proposal.number)),
            "keep_below": None if keep == math.inf else keep,
            "rungs": self._rivals.limits(running),
            "checkpoints": labelling is None and CHECKPOINT in learner.spec.capabilities,
        }
        self._submit(running, f"trial-{proposal.number}{FOLD}{fold}", RUN_FOLD, payload)

    def _chain(self, params: Mapping[str, ParamValue]) -> list[dict[str, Any]]:
        found = []
        for stage, name in steps(params):
            entry = self._registry.compressor(name)
            found.append(
                {
                    "stage": stage,
                    "name": name,
                    "factory": entry.spec.factory,
                    "version": entry.version,
                    "config": part(params, name),
                    "consumes": sorted(entry.spec.consumes),
                }
            )
        return found

    def _seed(self, proposal: Proposal) -> int:
        shared = self._evaluation.shared_seed
        return proposal.seed if shared is None else shared

    def _step(self, proposal: Proposal) -> str:
        """Gives the compressor that was at work when the trial ended, "" if none was."""
        try:
            note = (self._evaluation.trial_folder(proposal.number) / STEP).read_text("utf-8")
        except OSError:
            return ""
        return "{stage} {name}".format(**json.loads(note))

    def _submit(
        self,
        running: Running,
        job_id: str,
        function: str,
        payload: Mapping[str, Any],
        wall_seconds: float | None = None,
    ) -> None:
        """Submits a job; by default it may take what its trial has left."""
        self._running[job_id] = running
        left = max(0.05, self._evaluation.seconds - running.wall_seconds)
        job = Job(
            id=job_id,
            function=function,
            payload=payload,
            wall_seconds=left if wall_seconds is None else wall_seconds,
            log=self._evaluation.trial_folder(running.proposal.number) / "log.txt",
        )
        self._executor.submit(job)

    def _measure(self, running: Running) -> tuple[Proposal, TrialResult] | None:
        """Builds what this trial alone would deliver, and measures it unless it is beaten.

        Measuring has a limit of its own: what was fitted in time is not lost because the machine
        was busy.
        """
        evaluation, number = self._evaluation, running.proposal.number
        folder = evaluation.trial_folder(number) / DELIVERABLE
        member = self.member(running.proposal, running.models)
        modelfolder.write(folder, evaluation.header, [member])
        packages = sorted(self._registry.packages)
        if evaluation.opset is not None:
            output = folder.with_name(exporting.FOLDER)
            most_kib = min(self._most_kib, self._rivals.beaten_above_kib(self._measured(running)))
            payload = exporting.export_payload(evaluation, folder, output, packages, most_kib)
            job_id = f"trial-{number}-export"
            self._submit(running, job_id, exporting.EXPORT, payload, evaluation.seconds)
            return None
        running.size_kib = modelfolder.size_kib(folder)
        asked = {metric.name for metric in evaluation.metrics}
        if "gzip_kib" in asked:
            running.gzip_kib = modelfolder.gzip_kib(folder)
        if "latency_ms" not in asked:
            return self._after_measuring(running)
        if running.size_kib > self._rivals.beaten_above_kib(self._measured(running)):
            return self._end(running, Outcome.DOMINATED, BEATEN)
        payload = {
            "folder": str(folder),
            "prepared": str(evaluation.prepared),
            "packages": packages,
        }
        self._submit(running, f"trial-{number}-measure", MEASURE, payload, evaluation.seconds)
        return None

    @property
    def _most_kib(self) -> float:
        return self._evaluation.bounds.get("size_kib", math.inf)

    def member(self, proposal: Proposal, models: Sequence[str | None]) -> modelfolder.Member:
        """Gives a trial as the only member of a model folder."""
        folder = self._evaluation.trial_folder(proposal.number)
        return modelfolder.Member(
            trial=proposal.number,
            weight=1.0,
            learner=str(proposal.params[LEARNER]),
            models=[(folder / f"model-{fold}", name) for fold, name in enumerate(models) if name],
        )

    def _values(self, running: Running) -> tuple[float, ...]:
        measured = self._measured(running)
        return tuple(measured.get(m.name, math.nan) for m in self._evaluation.objectives)

    def _measured(self, running: Running) -> dict[str, float]:
        """Gives every metric that is known of a trial, by name."""
        columns = zip(*running.scores, strict=True)
        names = [metric.name for metric in self._evaluation.predictive]
        measured = {
            name: statistics.fmean(column) for name, column in zip(names, columns, strict=True)
        }
        own = {name: getattr(running, name) for name in ("size_kib", "gzip_kib", "latency_ms")}
        known = {name: value for name, value in own.items() if value is not None}
        if running.n_labelled:
            known[PSEUDO_LABELLED] = statistics.fmean(running.n_labelled)
        return measured | known | running.file

    def _complete(self, running: Running) -> tuple[Proposal, TrialResult]:
        number = running.proposal.number
        if all(running.models) and len(running.scores) == self._evaluation.n_folds:
            self.models[number] = [str(name) for name in running.models]
            self.row_seconds[number] = running.row_seconds
            folder = self._evaluation.trial_folder(number)
            seconds, names = json.dumps(running.row_seconds), json.dumps(self.models[number])
            (folder / ROW_SECONDS).write_text(seconds, encoding="utf-8")
            (folder / MODELS).write_text(names, encoding="utf-8")
        return self._end(running, Outcome.COMPLETE, "")

    def _end(self, running: Running, outcome: Outcome, reason: str) -> tuple[Proposal, TrialResult]:
        proposal = running.proposal
        over = [CHECKPOINTS, DELIVERABLE]
        if proposal.number not in self.models:
            over += ["model-*", exporting.FOLDER]
        for pattern in over:
            for folder in self._evaluation.trial_folder(proposal.number).glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)
        is_known = outcome in (Outcome.COMPLETE, Outcome.DOMINATED)
        step = self._step(proposal)
        n_folds = len(running.scores)
        errors = (
            [
                statistics.stdev(col) / math.sqrt(n_folds)
                for col in zip(*running.scores, strict=True)
            ]
            if n_folds > 1
            else []
        )
        by_name = dict(zip((m.name for m in self._evaluation.predictive), errors, strict=False))
        result = TrialResult(
            number=proposal.number,
            params=proposal.params,
            outcome=outcome,
            values=self._values(running) if is_known else None,
            fold_scores=tuple(scores[0] for scores in running.scores),
            standard_errors=tuple(
                by_name.get(m.name, math.nan) for m in self._evaluation.objectives
            ),
            cost_seconds=round(running.cost_seconds, 6),
            seed=self._seed(proposal),
            proposer=proposal.proposer,
            size_kib=running.size_kib,
            latency_ms=running.latency_ms,
            reason=f"{step}: {reason}" if step else reason,
            metrics=self._measured(running) if running.scores else {},
            step=step,
            rungs=running.rungs,
        )
        return proposal, result


def _clear(folder: Path) -> None:
    """Empties the folder of a trial but for checkpoints: it may have been interrupted."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
        elif not path.match(CHECKPOINTS):
            shutil.rmtree(path, ignore_errors=True)
