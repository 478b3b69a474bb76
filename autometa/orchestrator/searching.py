"""A study at work: search, deliver, score, remember, report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autometa.errors import NoModelError
from autometa.execution import JobReport
from autometa.labelling import labelling_of
from autometa.meta.attrs import BASELINE, MACHINE, PRIOR, RECORD, VERSIONS
from autometa.orchestrator import checks, reporting
from autometa.orchestrator.candidates import affordable, pareto_front
from autometa.orchestrator.data import PreparedData
from autometa.orchestrator.delivery import Delivery, header_of, score_test, select_ensemble
from autometa.orchestrator.loop import Proposing, SearchLoop
from autometa.orchestrator.memory import (
    DESCRIBE_JOB,
    describe_job,
    described,
    is_described,
    keep_description,
    prior_of,
    remember,
    versions_of,
)
from autometa.orchestrator.result import NO_PRIOR, Result, best_json, no_model
from autometa.orchestrator.resume import FINISHED, mark_ended, reopen
from autometa.orchestrator.runner import Runner
from autometa.orchestrator.session import Session
from autometa.orchestrator.setting import Setting, baseline, evaluation_of
from autometa.orchestrator.show import Shown
from autometa.report import FIGURES
from autometa.search.budget import Budget
from autometa.trial import ParamValue, TrialResult, counts

if TYPE_CHECKING:
    from autometa.meta.prior import Prior
    from autometa.search.study import SearchStudy, ToldTrial

MODEL = "model"
ACQUAINTED = 3
"""From so many past tasks on the prior decides when a learner's default is worth a trial."""
NO_LIMIT_SECONDS = 10.0
"""For the ensemble, in a search without a time budget."""

SELECT_SHARE = 0.5
"""Of what is left of the time budget, for choosing the ensemble; the rest is for its test score."""


class Searching:
    """What happens between an open study and a result.

    Args:
        session: Of the command.
        study: Asked and told.
        setting: What it searches.
        prepared: Its data.
        shown: Passes on what happens to the tracker.
    """

    def __init__(
        self,
        session: Session,
        study: SearchStudy,
        setting: Setting,
        prepared: PreparedData,
        shown: Shown,
    ) -> None:
        task = session.task
        self._session = session
        self._study = study
        self._setting = setting
        self._prepared = prepared
        self._shown = shown
        head = header_of(task.to_json(), prepared.info, study.header["uid"])
        self._evaluation = evaluation_of(
            task, setting, prepared, session.folder, head, registry=session.registry
        )
        self._delivery = Delivery(session.folder / MODEL, self._evaluation, session.registry)
        self._runner = Runner(self._evaluation, session.executor, session.registry)
        finished = study.attr(FINISHED) or {}
        spent = max(study.elapsed, float(finished.get("seconds", 0.0)))
        self._budget = Budget(task.budget.trials, task.budget.seconds, spent, session.started)
        self._extras: dict[str, Any] = {}
        self._report_job = reporting.ReportJob(session.folder, session.executor)

    @property
    def is_finished(self) -> bool:
        """Whether nobody stopped the search."""
        return self._session.stop.signal is None

    def search(self) -> TrialResult | None:
        """Runs trials until the budget ends; gives the best of all runs."""
        from autometa.search.sampler import sampler_factory

        reopen(self._study)
        self._extras["baseline"] = self._baseline()
        prior = self._prior()
        known = _prior_json(prior)
        self._study.set_attr(PRIOR, known)
        initial = _first_tried(self._setting, prior)
        loop = SearchLoop(
            study=self._study,
            runner=self._runner,
            executor=self._session.executor,
            delivery=self._delivery,
            evaluation=self._evaluation,
            on_told=self._on_told,
            on_other=self._on_other,
            progress=self._session.progress,
        )
        self._describe_meanwhile()
        task = self._session.task
        # What past tasks cost counts when seconds do.
        exponent = 0.0 if task.budget.seconds is None else 0.5
        space = self._setting.space
        sampler = sampler_factory(prior, cost_exponent=exponent, space=space)
        proposing = Proposing(self._setting.space, sampler, initial, task.seed)
        self._extras["stopped_by_trials"] = loop.run(proposing, self._budget, self._session.stop)
        best = loop.best
        self._extras["prior"] = known | {"gain": best and _gain(prior, self._study.results, best)}
        self._study.set_attr(PRIOR, self._extras["prior"])
        if loop.best is not None and self.is_finished:
            self._deliver(loop)
        return loop.best

    def _baseline(self) -> dict[str, float]:
        """Gives the constant predictor's scores, measured once per study."""
        kept = self._study.attr(BASELINE)
        if kept is None:
            session = self._session
            kept = baseline(
                self._evaluation,
                self._prepared.problem,
                session.registry,
                session.executor,
                session.task.seed,
            )
            self._study.set_attr(BASELINE, kept)
        return dict(kept)

    def _prior(self) -> Prior | None:
        session = self._session
        if session.task.search.prior == "none":
            return None
        return prior_of(
            self._study,
            self._setting,
            self._prepared,
            folder=session.folder,
            open_knowledge=session.open_knowledge,
            describe=self._described,
            of_file=session.task.target is not None,
        )

    def _described(self) -> dict[str, float]:
        session = self._session
        return described(
            self._study, self._prepared, session.registry, session.executor, session.task.seed
        )

    def _describe_meanwhile(self) -> None:
        """Describes the data beside the first trials, for the record at the end."""
        if not is_described(self._study):
            session = self._session
            job = describe_job(self._prepared, session.registry, session.task.seed)
            session.executor.submit(job)

    def _on_other(self, report: JobReport) -> None:
        if report.id == DESCRIBE_JOB:
            keep_description(self._study, report)

    def _on_told(self, told: ToldTrial, best: TrialResult | None) -> None:
        self._shown.trial(told, best)
        self._session.observe_trial(told.result.to_json())

    def _deliver(self, loop: SearchLoop) -> None:
        """Delivers the ensemble, if it is better, and scores the test part."""
        session, models, budget = self._session, self._runner.models, self._budget
        if session.wants_report:
            early = self._material(self._report(loop.best))
            self._report_job.warm_up(early, self._report_seconds)
        self._deliver_best(loop)
        left = budget.end - budget.clock()
        seconds = NO_LIMIT_SECONDS if math.isinf(left) else max(0.5, SELECT_SHARE * left)
        n_rows, costs = int(self._prepared.info["n_test"]), self._runner.row_seconds
        members = affordable(loop.candidates, costs, n_rows, left - seconds)
        candidates = [(result, models[result.number]) for result in members]
        self._extras["ensemble"] = select_ensemble(
            self._delivery, candidates, session.executor, budget.clock() + seconds
        )
        if self._delivery.exists:
            test = score_test(self._delivery, session.registry, session.executor)
            self._extras["test"] = {k: v for k, v in test.items() if math.isfinite(v)}

    def _deliver_best(self, loop: SearchLoop) -> None:
        """Delivers the best trial alone, unless it stands there.

        What stands there may be of a run that was killed before it delivered its best trial.

        Raises:
            NoModelError: If there is none, and its files are gone and cannot be made again.
        """
        best, models = loop.best, self._runner.models
        if best is None or self._delivery.delivers(best.number):
            return
        if best.number in models or loop.make_again(best):
            self._delivery.write_single(best, models[best.number])
        elif not self._delivery.exists:
            raise NoModelError(
                f"the files of the best trial, {best.number}, are gone and cannot be made again.",
                hint="Raise budget.trials to search on, or start anew with --fresh.",
            )

    def finish(self, best: TrialResult | None) -> Result:
        """Tells everybody, leaves what later tasks may learn, and gives the result.

        Raises:
            NoModelError: If the search ended without a usable trial.
        """
        report = self._report(best)
        self._shown.model(self._delivery)
        report["report"], figures = self._write_report(report)
        self._shown.end(report, figures)
        if self.is_finished:
            mark_ended(self._study, self._session.task, report)
            if best is None:
                raise no_model(self._study.results, self._evaluation.bounds)
            self._session.observe_end(report)
            self._remember()
        report["mlflow"] = self._shown.wait(self._left)
        return Result(
            model=self._delivery.folder if self._delivery.exists else None,
            best=best,
            trials=self._study.results,
            report=report,
        )

    def show_again(self, report: Mapping[str, Any]) -> None:
        """Derives the tracked runs of a study that ended anew.

        Args:
            report: Of its last run.
        """
        self._shown.start()
        self._shown.model(self._delivery)
        figures = sorted((self._session.folder / FIGURES).glob("*.svg"))
        self._shown.end(report, figures if report.get("report") else [])

    @property
    def _left(self) -> float | None:
        """Seconds of the budget that are left, at least 0; None without such a budget."""
        budget = self._budget
        return None if math.isinf(budget.end) else max(0.0, budget.end - budget.clock())

    @property
    def _report_seconds(self) -> float | None:
        """Seconds for what the report may leave out; None = as long as it takes."""
        return None if math.isinf(self._budget.end) else reporting.WORTH_SECONDS

    def _write_report(self, final: Mapping[str, Any]) -> tuple[str | None, list[Path]]:
        """Writes the page on a finished search; gives it and the files of its figures."""
        session = self._session
        if not (session.wants_report and self.is_finished and self._delivery.exists):
            return None, []
        predictions = self._delivery.predictions
        data = self._material(
            {**final, "mlflow": self._shown.link()}, predictions if predictions.exists() else None
        )
        left = self._left
        patience = reporting.PATIENCE_SECONDS if left is None else left + reporting.GRACE_SECONDS
        written = self._report_job.write(data, patience=patience, seconds=self._report_seconds)
        predictions.unlink(missing_ok=True)  # another model may be delivered before the next report
        if written is None:
            return None, []
        return str(written["path"]), [Path(file) for file in written["figures"]]

    def _material(
        self, final: Mapping[str, Any], predictions: Path | None = None
    ) -> dict[str, Any]:
        session = self._session
        return reporting.material(
            session.task,
            self._study.header,
            self._study.told,
            final,
            folder=session.folder,
            registry=session.registry,
            predictions=predictions,
        )

    def _report(self, best: TrialResult | None) -> dict[str, Any]:
        results, objectives = self._study.results, self._setting.objectives
        front = pareto_front(results, self._evaluation) if len(objectives) > 1 else []
        return {
            "task": self._session.task.name,
            "study": self._session.task.name,
            "status": self._status(best),
            "problem": self._prepared.problem,
            "trials": counts(results),
            "best": best_json(best, objectives),
            "front": [best_json(result, objectives) for result in front],
            "model": str(self._delivery.folder) if self._delivery.exists else None,
            "seconds": round(self._budget.elapsed, 3),
            "ensemble": None,
            "test": {},
            "warnings": self._prepared.warnings,
            "checks": checks.kept(self._study),
            **self._extras,
        }

    def _status(self, best: TrialResult | None) -> str:
        if not self.is_finished:
            return "interrupted"
        return "failed" if best is None else "finished"

    def _remember(self) -> None:
        """Makes a record of the finished study; whatever becomes of it, the result stands."""
        versions = versions_of(self._session.registry)
        self._study.set_attr(VERSIONS, versions)
        file = remember(
            name=self._session.task.name,
            setting=self._setting,
            prepared=self._prepared,
            metafeatures=self._described(),
            machine=self._study.attr(MACHINE),
            baseline=self._extras["baseline"],
            results=self._study.results,
            open_knowledge=self._session.open_knowledge,
            former=self._study.attr(RECORD),
            versions=versions,
            ended_ms=max((told.ended_ms for told in self._study.told), default=0),
        )
        if file is not None:
            self._study.set_attr(RECORD, file)


def _first_tried(setting: Setting, prior: Prior | None) -> Sequence[Mapping[str, ParamValue]]:
    """Gives the configurations of the first trials.

    A past to learn from replaces all defaults but the cheapest, which gives an early model, those
    of learners that it hardly knows, and those that use rows without a target.
    """
    if prior is None:
        return setting.initial
    first, *others = setting.initial
    return [
        first,
        *(
            config
            for config in others
            if prior.n_acquainted(config) < ACQUAINTED or labelling_of(config)
        ),
    ]


def _prior_json(prior: Prior | None) -> dict[str, Any]:
    """Gives from what the search started, as ``--json`` prints it."""
    if prior is None:
        return dict(NO_PRIOR)
    return {"sources": list(prior.names), "digest": prior.digest, "used": True, "gain": None}


def _gain(
    prior: Prior | None, results: Sequence[TrialResult], best: TrialResult
) -> dict[str, Any] | None:
    """Gives an estimate of what the past was worth, None without one."""
    if prior is None:
        return None
    from autometa.meta.gain import gain

    return gain(prior, [result.params for result in results if result.number <= best.number])
