"""What earlier trials of a search reached: later ones are compared with them."""

from __future__ import annotations

import bisect
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence

from autometa.chains import LEARNER, steps
from autometa.labelling import labelling_of
from autometa.measure import Metric
from autometa.orchestrator.evaluation import Evaluation, is_feasible
from autometa.orchestrator.running import Running
from autometa.registry import Registry
from autometa.search.pruning import keep_below, rung_limits, should_prune
from autometa.trial import Outcome, TrialResult

COMPARED_TRIALS = 50
"""The best trials, with which later ones are compared fold by fold."""
LATENCY, SIZE = "latency_ms", "size_kib"
RUNGS = "rungs"
"""Capability of learners whose reports can be compared."""


class Rivals:
    """Judges trials while they run.

    A bound rules trials out that are better than any that keeps it: with bounds, only those that
    keep them are rivals.

    Args:
        evaluation: What is the same for all trials.
        registry: Knows what learners can do.
    """

    def __init__(self, evaluation: Evaluation, registry: Registry) -> None:
        self._evaluation = evaluation
        self._registry = registry
        self._folds: list[list[float]] = []
        self._rungs: defaultdict[str, list[dict[int, float]]] = defaultdict(list)
        self._fastest: dict[str, float] = {}

    def learn(self, result: TrialResult) -> None:
        """Takes a told result."""
        bounds, is_complete = self._evaluation.bounds, result.outcome is Outcome.COMPLETE
        if bounds and not (is_complete and is_feasible(result, bounds)):
            return
        if result.rungs:
            self._rungs[str(result.params[LEARNER])].append(dict(result.rungs))
        if is_complete:
            losses = [self._evaluation.objectives[0].loss(score) for score in result.fold_scores]
            bisect.insort(self._folds, losses, key=statistics.fmean)
            del self._folds[COMPARED_TRIALS:]
            self._learn_latency(result)

    def _learn_latency(self, result: TrialResult) -> None:
        names = [metric.name for metric in self._objectives]
        found = self._losses(dict(zip(names, result.values or (), strict=False)))
        if found.get(LATENCY, math.inf) < self._fastest.get(LATENCY, math.inf):
            self._fastest = found

    @property
    def _objectives(self) -> Sequence[Metric]:
        return self._evaluation.objectives

    def _losses(self, values: Mapping[str, float]) -> dict[str, float]:
        """Gives losses of objectives by name; {} if one is missing."""
        if any(metric.name not in values for metric in self._objectives):
            return {}
        return {metric.name: metric.loss(values[metric.name]) for metric in self._objectives}

    def beaten_above_kib(self, measured: Mapping[str, float]) -> float:
        """Gives the size above which a trial's latency is not worth measuring.

        What is larger than the fastest rival, and no better in anything else, is taken to be no
        faster either. Infinite where the trial is better in something, 0 where size is no
        objective.

        Args:
            measured: What is known of the trial by metric, but its latency and size.
        """
        others = [m.name for m in self._objectives if m.name not in (LATENCY, SIZE)]
        own = self._losses({**measured, LATENCY: 0.0, SIZE: 0.0})
        if LATENCY not in self._fastest or not own:
            return math.inf
        pairs = [(self._fastest[name], own[name]) for name in others]
        if any(theirs > ours for theirs, ours in pairs):
            return math.inf
        if SIZE in self._fastest:
            return self._fastest[SIZE]
        return 0.0 if any(theirs < ours for theirs, ours in pairs) else math.inf

    def keep_below(self, n_kept: int, fold: int) -> float:
        """Gives the loss up to which a model is worth keeping, see `pruning.keep_below`."""
        return keep_below(self._folds, n_kept, fold)

    def beat(self, running: Running) -> bool:
        """Whether its folds so far show that a trial will not be near the best."""
        if not self._may_end(running):
            return False
        metric = self._evaluation.objectives[0]
        return should_prune([metric.loss(scores[0]) for scores in running.scores], self._folds)

    def limits(self, running: Running) -> Sequence[tuple[int, float]] | None:
        """Gives the largest loss by rung with which the fit of the next fold goes on.

        None when its reports say nothing: it is not the first fold, a step follows the fit, or
        more than one fit is made.
        """
        params = running.proposal.params
        name = str(params[LEARNER])
        is_plain = not steps(params) and labelling_of(params) is None
        if running.scores or not is_plain or self._evaluation.n_objectives > 1:
            return None
        if RUNGS not in self._registry.learner(name).spec.capabilities:
            return None
        return rung_limits(self._rungs[name]) if self._may_end(running) else ()

    def _may_end(self, running: Running) -> bool:
        """Whether folds may end a trial: they are scores of the only objective.

        Defaults are worth knowing to their end.
        """
        is_scored = not self._evaluation.objectives[0].is_resource
        is_free = running.proposal.proposer != "default" and not running.is_again
        return self._evaluation.n_objectives == 1 and is_scored and is_free
