"""The data flow, from a task to a model folder: `optimize` reads like the picture."""

from __future__ import annotations

import logging
import math
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.execution import Executor, Job
from autometa.observe import CALL
from autometa.orchestrator.data import PreparedData, adopt, prepare_data
from autometa.orchestrator.delivery import (
    Delivery,
    header_of,
    pareto_front,
    score_test,
    select_ensemble,
)
from autometa.orchestrator.loop import Progress, Proposing, SearchLoop, Stop
from autometa.orchestrator.memory import OpenKnowledge, described, prior_of, remember
from autometa.orchestrator.result import Result, best_json, no_model
from autometa.orchestrator.resume import (
    check_data,
    check_task,
    finished_report,
    frozen_setting,
    header,
    mark_finished,
)
from autometa.orchestrator.runner import Evaluation, Runner
from autometa.orchestrator.setting import Setting, baseline, evaluation_of, setting_of
from autometa.orchestrator.show import Shown
from autometa.registry import Registry
from autometa.search.budget import Budget
from autometa.search.lease import StudyLock
from autometa.task import Task
from autometa.trial import TrialResult, counts
from autometa.workspace import Workspace

if TYPE_CHECKING:
    from autometa.meta.prior import Prior
    from autometa.search.study import SearchStudy, ToldTrial
    from autometa.tracking.tracker import StudyTracker

_log = logging.getLogger(__name__)

MODEL = "model"
RECORD = "autometa_record"


def optimize(
    task: Task,
    *,
    registry: Registry,
    workspace: Workspace,
    executor: Executor,
    make_tracker: Callable[[Path], StudyTracker],
    open_knowledge: OpenKnowledge,
    progress: Progress,
    stop: Stop,
    started: float,
    fresh: bool = False,
    rebuild_tracking: bool = False,
) -> Result:
    """Searches, or goes on searching, and delivers.

    Args:
        task: What is asked.
        registry: What plugins offer.
        workspace: Where everything is kept.
        executor: Where jobs run; the caller closes it.
        make_tracker: Gives the tracker of a study folder.
        open_knowledge: Opens what past tasks taught; gives None when nothing is wanted.
        progress: Shows what happens.
        stop: Says when somebody wants it to end.
        started: Moment of `time.monotonic` at which the command began.
        fresh: Whether to forget an earlier study of this name.
        rebuild_tracking: Whether to derive the tracked runs from the study again.

    Returns:
        The delivered model with all trials; of an earlier run when its budget is used up.

    Raises:
        AutometaError: For every expected failure, with its exit code.
    """
    folder = workspace.create(workspace.study(task.name))
    lock = StudyLock(folder, task.name)
    try:
        session = _Session(
            task, registry, folder, executor, open_knowledge, progress, stop, started
        )
        return session.run(make_tracker, fresh=fresh, rebuild_tracking=rebuild_tracking)
    finally:
        lock.release()


@dataclass(slots=True)
class _Session:
    """One command on one study, whose folder is locked."""

    task: Task
    registry: Registry
    folder: Path
    executor: Executor
    open_knowledge: OpenKnowledge
    progress: Progress
    stop: Stop
    started: float

    def run(
        self, make_tracker: Callable[[Path], StudyTracker], *, fresh: bool, rebuild_tracking: bool
    ) -> Result:
        storage = self._storage(fresh=fresh)
        tracker = make_tracker(self.folder)
        prepared = prepare_data(self.task, self.registry, self.executor, self.folder)
        study, setting = self._study(storage, prepared)
        prepared = adopt(prepared, self.folder)
        shown = Shown(tracker, self.task, study, setting, prepared)
        if rebuild_tracking:
            shown.rebuild()
        done = finished_report(study, self.task, self.folder / MODEL)
        if done is not None:
            return self._unchanged(study, done, shown, started_again=rebuild_tracking)
        return self._search(study, setting, prepared, shown)

    def _storage(self, *, fresh: bool) -> Any:
        from autometa.search.storage import open_storage
        from autometa.search.study import delete_study

        if fresh and self.task.storage == "auto":
            _empty(self.folder)
        storage = open_storage(self.task.storage, self.folder)
        if fresh and self.task.storage != "auto":
            delete_study(storage, self.task.name)
            _empty(self.folder)
        return storage

    def _study(self, storage: Any, prepared: PreparedData) -> tuple[SearchStudy, Setting]:
        from autometa.search.study import SearchStudy

        setting = setting_of(self.task, prepared, self.registry)
        study = SearchStudy(
            storage,
            self.task.name,
            [metric.direction for metric in setting.objectives],
            header(self.task, setting, prepared, uuid.uuid4().hex),
        )
        for line in (*prepared.warnings, *setting.notes) if study.is_new else ():
            self.progress.note(line)
        if not study.is_new:
            check_task(self.task, study.header, str(self.task.path or self.task.name))
            check_data(prepared, study.header, self.task.data.source[0])
            setting = frozen_setting(self.task, study.header, self.registry, setting)
        return study, setting

    def _search(
        self, study: SearchStudy, setting: Setting, prepared: PreparedData, shown: Shown
    ) -> Result:
        from autometa.search.sampler import sampler_factory

        task = self.task
        head = header_of(task.to_json(), prepared.info, study.header["uid"])
        evaluation = evaluation_of(task, setting, prepared, self.folder, head)
        spent = max(study.elapsed, float((study.attr("autometa_finished") or {}).get("seconds", 0)))
        budget = Budget(task.budget.trials, task.budget.seconds, spent, self.started)
        shown.start()
        reference = self._reference(study, evaluation, prepared)
        delivery = Delivery(self.folder / MODEL, evaluation, self.registry)
        runner = Runner(evaluation, self.executor, self.registry)
        loop = SearchLoop(
            study=study,
            runner=runner,
            executor=self.executor,
            delivery=delivery,
            evaluation=evaluation,
            on_told=lambda told, best: self._on_told(told, best, shown),
            progress=self.progress,
        )
        prior = self._prior(study, setting, prepared)
        # A past to learn from replaces all defaults but the cheapest, which gives an early model.
        initial = setting.initial if prior is None else setting.initial[:1]
        proposing = Proposing(setting.space, sampler_factory(prior), initial, task.seed)
        used_trials = loop.run(proposing, budget, self.stop)
        ensemble, test = self._finish(loop, runner, delivery, budget)
        report = {
            **self._report(study, setting, loop.best, delivery, budget),
            "baseline": reference,
            "ensemble": ensemble,
            "test": test,
            "stopped_by_trials": used_trials,
            "prior": _prior_json(prior),
        }
        report["warnings"] = prepared.warnings
        return self._end(study, loop.best, report, shown, delivery, setting, prepared)

    def _prior(self, study: SearchStudy, setting: Setting, prepared: PreparedData) -> Prior | None:
        if self.task.search.prior == "none":
            return None
        return prior_of(
            study,
            setting,
            prepared,
            folder=self.folder,
            open_knowledge=self.open_knowledge,
            describe=lambda: self._described(study, prepared),
        )

    def _described(self, study: SearchStudy, prepared: PreparedData) -> dict[str, float]:
        return described(study, prepared, self.registry, self.executor, self.task.seed)

    def _remember(self, study: SearchStudy, setting: Setting, prepared: PreparedData) -> None:
        """Makes a record of the finished study; whatever it costs, the result stands."""
        file = remember(
            name=self.task.name,
            setting=setting,
            prepared=prepared,
            metafeatures=self._described(study, prepared),
            baseline=study.attr("autometa_baseline") or {},
            results=study.results,
            open_knowledge=self.open_knowledge,
            former=study.attr(RECORD),
            registry=self.registry,
        )
        if file is not None:
            study.set_attr(RECORD, file)

    def _reference(
        self, study: SearchStudy, evaluation: Evaluation, prepared: PreparedData
    ) -> dict[str, float]:
        """Gives the constant predictor's scores, measured once per study."""
        kept = study.attr("autometa_baseline")
        if kept is None:
            kept = baseline(
                evaluation, prepared.problem, self.registry, self.executor, self.task.seed
            )
            study.set_attr("autometa_baseline", kept)
        return dict(kept)

    def _on_told(self, told: ToldTrial, best: TrialResult | None, shown: Shown) -> None:
        shown.trial(told, best)
        self._observe("autometa_trial_finished", {"result": told.result.to_json()})

    def _finish(
        self, loop: SearchLoop, runner: Runner, delivery: Delivery, budget: Budget
    ) -> tuple[dict[str, Any] | None, dict[str, float]]:
        """Delivers the ensemble and scores the test part, unless the search was interrupted."""
        if loop.best is None or self.stop.signal is not None:
            return None, {}
        models = runner.models
        if not delivery.exists and loop.best.number in models:
            delivery.write_single(loop.best, models[loop.best.number])
        candidates = [(result, models[result.number]) for result in loop.candidates]
        seconds = max(0.5, 0.7 * (budget.end - budget.clock())) if budget.seconds else 10.0
        ensemble = select_ensemble(delivery, candidates, self.executor, budget.clock() + seconds)
        test = score_test(delivery, self.registry, self.executor) if delivery.exists else {}
        return ensemble, {name: value for name, value in test.items() if math.isfinite(value)}

    def _report(
        self,
        study: SearchStudy,
        setting: Setting,
        best: TrialResult | None,
        delivery: Delivery,
        budget: Budget,
    ) -> dict[str, Any]:
        results = study.results
        return {
            "task": self.task.name,
            "study": self.task.name,
            "status": "finished" if self.stop.signal is None else "interrupted",
            "problem": study.header["problem"],
            "trials": counts(results),
            "best": best_json(best, setting.objectives),
            "front": self._front(results, setting, delivery.evaluation),
            "model": str(delivery.folder) if delivery.exists else None,
            "seconds": round(budget.elapsed, 3),
        }

    def _front(
        self, results: list[TrialResult], setting: Setting, evaluation: Evaluation
    ) -> list[dict[str, Any] | None]:
        if len(setting.objectives) == 1:
            return []
        front = pareto_front(results, evaluation)
        return [best_json(result, setting.objectives) for result in front]

    def _end(
        self,
        study: SearchStudy,
        best: TrialResult | None,
        report: dict[str, Any],
        shown: Shown,
        delivery: Delivery,
        setting: Setting,
        prepared: PreparedData,
    ) -> Result:
        is_finished = self.stop.signal is None
        shown.end(report, delivery if delivery.exists else None)
        if best is None and is_finished:
            raise no_model(study.results, delivery.evaluation.bounds)
        if is_finished:
            mark_finished(study, self.task, report)
            self._observe("autometa_task_finished", {"report": report})
            self._remember(study, setting, prepared)
        report["mlflow"] = shown.wait(report, self.task.budget.seconds)
        return Result(
            model=delivery.folder if delivery.exists else None,
            best=best,
            trials=study.results,
            report=report,
        )

    def _unchanged(
        self, study: SearchStudy, done: dict[str, Any], shown: Shown, *, started_again: bool
    ) -> Result:
        """Gives what the finished search gave: nothing is left to do."""
        self.progress.note(
            "nothing to do: the budget is used up; raise budget.trials or budget.seconds to go on,"
            " or start anew with --fresh"
        )
        if started_again:
            shown.start()
            shown.end(done, None)
        report = {**done, "mlflow": shown.wait(done, None)}
        number = (done["best"] or {}).get("number")
        best = next((result for result in study.results if result.number == number), None)
        return Result(model=Path(done["model"]), best=best, trials=study.results, report=report)

    def _observe(self, hook: str, arguments: Mapping[str, Any]) -> None:
        """Hands observers of plugins to the workers; their reports are nobody's concern."""
        for index, observer in enumerate(self.registry.observers):
            if observer.hook != hook:
                continue
            known = {"task": self.task.to_json(), **arguments}
            payload = {
                "function": observer.function,
                "arguments": {name: known[name] for name in observer.arguments},
            }
            self.executor.submit(
                Job(
                    id=f"observer-{index}-{uuid.uuid4().hex}",
                    function=CALL,
                    payload=payload,
                    wall_seconds=self.task.limits.trial_seconds,
                    log=self.folder / "observers.log",
                )
            )


def _prior_json(prior: Prior | None) -> dict[str, Any]:
    """Gives from what the search started, as ``--json`` prints it."""
    if prior is None:
        return {"sources": [], "digest": None, "used": False}
    return {"sources": list(prior.names), "digest": prior.digest, "used": True}


def _empty(folder: Path) -> None:
    """Removes everything of a former study but the lock."""
    for path in folder.iterdir():
        if path.name == "lock":
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
