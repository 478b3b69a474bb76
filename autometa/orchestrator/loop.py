"""The search itself: propose, run, tell, show; until the budget ends or somebody stops it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from autometa.errors import StorageError
from autometa.execution import Executor, JobReport
from autometa.orchestrator.candidates import best_of, pareto_front, ranked, usable
from autometa.orchestrator.delivery import Delivery, overhear
from autometa.orchestrator.evaluation import Evaluation, excesses
from autometa.orchestrator.interrupted import interrupted
from autometa.orchestrator.runner import KEPT_TRIALS, Runner
from autometa.search.budget import Budget
from autometa.trial import ParamValue, TrialResult

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from autometa.learner import Space
    from autometa.search.study import Proposal, SearchStudy, ToldTrial

_log = logging.getLogger(__name__)

TICK_SECONDS = 0.25
"""Longest wait for a report, so that signals, the lease and the display get their turn."""


class Stop(Protocol):
    """Says whether somebody asked the search to end."""

    @property
    def signal(self) -> int | None:
        """Number of the signal that asked, or None."""


class Progress(Protocol):
    """Is told what happens; shows it, or not."""

    def note(self, text: str) -> None:
        """Takes one line that a user should see."""

    def trial(self, told: ToldTrial, best: TrialResult | None, n_told: int) -> None:
        """Takes a told trial."""

    def tick(self, remaining: float, running: Sequence[str]) -> None:
        """Takes the seconds left and the learners at work."""


@dataclass(frozen=True, slots=True)
class Proposing:
    """Where configurations come from.

    Args:
        space: Frozen in the study.
        sampler: Makes a sampler from a seed and a trial's number.
        initial: Configurations of the first trials.
        seed: Of the task.
    """

    space: Space
    sampler: Callable[[int, int], BaseSampler]
    initial: Sequence[Mapping[str, ParamValue]]
    seed: int


class SearchLoop:
    """Runs trials until the budget ends.

    Args:
        study: Asked and told.
        runner: Turns proposals into jobs.
        executor: Where they run.
        delivery: Gets the best trial as soon as there is one.
        evaluation: What is the same for all trials.
        on_told: Called with every told trial and the best so far.
        on_other: Called with the reports of jobs that belong to no trial.
        progress: Shows what happens.
    """

    def __init__(
        self,
        *,
        study: SearchStudy,
        runner: Runner,
        executor: Executor,
        delivery: Delivery,
        evaluation: Evaluation,
        on_told: Callable[[ToldTrial, TrialResult | None], None],
        on_other: Callable[[JobReport], None],
        progress: Progress,
    ) -> None:
        self._study = study
        self._runner = runner
        self._executor = executor
        self._delivery = delivery
        self._evaluation = evaluation
        self._on_told = on_told
        self._on_other = on_other
        self._progress = progress
        self.best = best_of(study.results, evaluation.objectives, evaluation.bounds)
        self._n_told = len(study.results)
        self._interrupted = interrupted(evaluation.folder)
        self._kept: dict[int, TrialResult] = {}  # those whose files are still there
        for result in study.results:
            runner.learn(result)
            runner.recover(result)
            self._keep(result)

    def run(self, proposing: Proposing, budget: Budget, stop: Stop) -> bool:
        """Searches.

        Returns:
            Whether the trial budget is what ended it.
        """
        while stop.signal is None:
            while self._may_start(budget):
                self._runner.start(self._ask(proposing))
            if not len(self._runner):
                break
            reports = self._executor.wait(min(TICK_SECONDS, budget.remaining() + 0.01))
            for report in reports:
                if not self._runner.owns(report):
                    overhear(report)
                    self._on_other(report)
                elif (ended := self._runner.handle(report)) is not None:
                    self._tell(*ended, budget)
            if budget.remaining() <= 0:
                break
            self._study.renew()
            learners = [str(p.params["learner"]) for p in self._runner.proposals]
            self._progress.tick(budget.remaining(), learners)
        for proposal in self._runner.cancel():
            self._study.abandon(proposal)
        return budget.trials is not None and self._n_told >= budget.trials

    def make_again(self, result: TrialResult) -> bool:
        """Runs a told trial once more because its files are gone; its result stays as it is.

        Returns:
            Whether its files are there now.
        """
        from autometa.search.study import Proposal

        proposal = Proposal(
            number=result.number,
            params=result.params,
            seed=result.seed,
            proposer=result.proposer,
            handle=-1,
        )
        self._runner.start(proposal, is_again=True)
        while len(self._runner):
            for report in self._executor.wait(TICK_SECONDS):
                if self._runner.owns(report):
                    self._runner.handle(report)
        self._keep(result)
        return result.number in self._runner.models

    def _may_start(self, budget: Budget) -> bool:
        n_running = len(self._runner)
        return n_running < self._executor.n_workers and budget.allows(self._n_told + n_running)

    def _ask(self, proposing: Proposing) -> Proposal:
        return self._study.ask(
            proposing.space,
            proposing.sampler,
            proposing.seed,
            proposing.initial,
            again=self._interrupted,
        )

    def _tell(self, proposal: Proposal, result: TrialResult, budget: Budget) -> None:
        bounds = excesses(result, self._evaluation.bounds) if self._evaluation.bounds else {}
        told = self._study.tell(proposal, result, elapsed=budget.elapsed, constraints=bounds)
        self._n_told += 1
        self._runner.learn(result)
        self._keep(result)
        known = [r for r in (self.best, result) if r is not None]
        leader = best_of(known, self._evaluation.objectives, self._evaluation.bounds)
        if leader is not None and leader is not self.best:
            self.best = leader
            self._deliver(leader)
        self._drop_files()
        self._on_told(told, self.best)
        self._progress.trial(told, self.best, self._n_told)

    def _deliver(self, best: TrialResult) -> None:
        models = self._runner.models.get(best.number)
        if models is None:
            return
        try:
            self._delivery.write_single(best, models)
        except StorageError as exc:
            _log.warning("%s", exc)

    def _keep(self, result: TrialResult) -> None:
        if result.number in self._runner.models and usable([result], self._evaluation.bounds):
            self._kept[result.number] = result

    @property
    def candidates(self) -> list[TrialResult]:
        """The usable trials whose files are there, best first."""
        return ranked(list(self._kept.values()), self._evaluation)

    def _drop_files(self) -> None:
        """Keeps the files of trials that may be delivered: the best, and the Pareto front."""
        if len(self._runner.models) <= KEPT_TRIALS:
            return
        kept = self.candidates[:KEPT_TRIALS]
        if self._evaluation.n_objectives > 1:
            kept += pareto_front(list(self._kept.values()), self._evaluation)
        self._kept = {result.number: result for result in kept}
        self._runner.discard(set(self._kept))
