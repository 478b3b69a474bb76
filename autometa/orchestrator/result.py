"""What a search gives back, and what its command prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autometa.errors import NoModelError
from autometa.measure import Metric
from autometa.trial import Outcome, TrialResult, counts

_N_CAUSES = 3
_N_NEAREST = 3
NO_PRIOR: Mapping[str, Any] = {"sources": [], "digest": None, "used": False, "gain": None}
"""The ``prior`` of a search that no past task taught, as ``--json`` prints it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A search that ended.

    Args:
        model: The model folder, absolute; None when an interrupted search has none yet.
        best: The trial that leads, or None.
        trials: All counted trials.
        report: What ``autometa optimize --json`` prints.
    """

    model: Path | None
    best: TrialResult | None
    trials: Sequence[TrialResult]
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """``finished`` or ``interrupted``."""
        return str(self.report["status"])


def best_json(best: TrialResult | None, objectives: Sequence[Metric]) -> dict[str, Any] | None:
    """Gives ``number``, ``params`` and ``values`` (by metric, user's units) of a trial."""
    if best is None:
        return None
    names = [metric.name for metric in objectives]
    return {
        "number": best.number,
        "params": dict(best.params),
        "values": dict(zip(names, best.values or (), strict=False)),
        "metrics": dict(best.metrics),
        "proposer": best.proposer,
    }


def no_model(results: Sequence[TrialResult], bounds: Mapping[str, float]) -> NoModelError:
    """Gives the error of a search without a usable trial, with its commonest causes."""
    if not results:
        return NoModelError(
            "the budget ended before the first trial did.",
            hint="Raise budget.seconds and run the same command again.",
        )
    complete = [result for result in results if result.outcome is Outcome.COMPLETE]
    if complete:
        return NoModelError(
            _infeasible(complete, bounds),
            hint="Raise the budget to search on, or start anew with --fresh and looser bounds.",
        )
    commonest = list(reasons(results).items())[:_N_CAUSES]
    causes = "; ".join(f"{reason} ({n} x)" for reason, n in commonest)
    totals = counts(list(results))
    return NoModelError(
        f"none of {len(results)} trials gave a model ({totals['failed']} failed,"
        f" {totals['not_applicable']} not applicable). Causes: {causes}.",
        hint="Mend the causes and start anew with --fresh, or raise the budget to search on.",
    )


def reasons(results: Sequence[TrialResult]) -> dict[str, int]:
    """Gives why trials are not complete and how many each, the commonest first."""
    missed = [result for result in results if result.outcome is not Outcome.COMPLETE]
    return dict(Counter(result.reason or str(result.outcome) for result in missed).most_common())


def _infeasible(complete: Sequence[TrialResult], bounds: Mapping[str, float]) -> str:
    """Says by how much the nearest trials miss."""

    def worst(result: TrialResult) -> float:
        known = {name: result.metrics[name] for name in bounds if name in result.metrics}
        return max((value / bounds[name] for name, value in known.items()), default=float("inf"))

    def missed(result: TrialResult) -> str:
        return ", ".join(
            f"{name} {result.metrics[name]:.4g} > {bound:g}"
            for name, bound in bounds.items()
            if name in result.metrics and result.metrics[name] > bound
        )

    nearest, *others = sorted(complete, key=worst)[:_N_NEAREST]
    also = "".join(f", then trial {other.number} ({missed(other)})" for other in others)
    return (
        f"none of {len(complete)} complete trials keeps the constraints;"
        f" the nearest is trial {nearest.number} ({missed(nearest)}){also}."
    )
