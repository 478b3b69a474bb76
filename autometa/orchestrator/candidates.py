"""Which finished trials may be delivered, alone or together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autometa.measure import Metric
from autometa.orchestrator.evaluation import Evaluation, is_feasible
from autometa.search.study import is_better
from autometa.select.pareto import front
from autometa.trial import Outcome, TrialResult

_ADDITIVE = frozenset({"size_kib", "latency_ms"})
"""What members of a combination need together, nearly."""


def usable(results: Sequence[TrialResult], bounds: Mapping[str, float]) -> list[TrialResult]:
    """Gives the complete trials that keep all bounds."""
    complete = [result for result in results if result.outcome is Outcome.COMPLETE]
    return [result for result in complete if is_feasible(result, bounds)]


def best_of(
    results: Sequence[TrialResult], objectives: Sequence[Metric], bounds: Mapping[str, float]
) -> TrialResult | None:
    """Gives the usable trial with the best first objective, the earliest of equal ones."""
    lead = objectives[0]
    best: TrialResult | None = None
    for result in usable(results, bounds):
        if best is None or is_better(_lead(result), _lead(best), lead.direction):
            best = result
    return best


def ranked(results: Sequence[TrialResult], evaluation: Evaluation) -> list[TrialResult]:
    """Gives the usable trials, best first objective first."""
    lead = evaluation.objectives[0]
    return sorted(usable(results, evaluation.bounds), key=lambda r: lead.loss(_lead(r)))


def pareto_front(results: Sequence[TrialResult], evaluation: Evaluation) -> list[TrialResult]:
    """Gives the usable trials that no other beats in all objectives, by number."""
    candidates = usable(results, evaluation.bounds)
    losses = [
        [m.loss(v) for m, v in zip(evaluation.objectives, result.values or (), strict=True)]
        for result in candidates
    ]
    return [candidates[index] for index in front(losses)]


def _lead(result: TrialResult) -> float:
    return (result.values or (float("nan"),))[0]


def affordable(
    candidates: Sequence[TrialResult],
    row_seconds: Mapping[int, float],
    n_rows: int,
    seconds: float,
) -> list[TrialResult]:
    """Gives the candidates of an ensemble that can be scored in time together; the best always.

    Args:
        candidates: Best first.
        row_seconds: By trial number, what its models take to predict a row; 0 where unknown.
        n_rows: Of the test part.
        seconds: For all of them.
    """
    kept: list[TrialResult] = []
    spent = 0.0
    for result in candidates:
        cost = n_rows * row_seconds.get(result.number, 0.0)
        if not kept or spent + cost <= seconds:
            spent += cost
            kept.append(result)
    return kept


def fitting(
    candidates: Sequence[tuple[TrialResult, Sequence[str]]], bounds: Mapping[str, float]
) -> list[tuple[TrialResult, Sequence[str]]]:
    """Gives the candidates that keep the bounds together, as far as their own measures tell.

    Args:
        candidates: Trials with the classes of their models, best first; the best is always kept.
        bounds: Upper ones by metric; of peak memory nothing can be told.
    """
    left = {name: bounds[name] for name in _ADDITIVE & bounds.keys()}
    kept: list[tuple[TrialResult, Sequence[str]]] = []
    for candidate in candidates:
        costs = {name: getattr(candidate[0], name) or 0.0 for name in left}
        if not kept or all(costs[name] <= left[name] for name in left):
            left = {name: left[name] - costs[name] for name in left}
            kept.append(candidate)
    return kept
