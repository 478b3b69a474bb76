"""What is known of a trial while its jobs run."""

from __future__ import annotations

from dataclasses import dataclass, field

from autometa.execution import JobOutcome, JobReport
from autometa.search.study import Proposal
from autometa.trial import Outcome

OUTCOMES = {
    JobOutcome.NOT_APPLICABLE: Outcome.NOT_APPLICABLE,
    JobOutcome.TIMEOUT: Outcome.TIMEOUT,
    JobOutcome.MEMORY: Outcome.MEMORY,
    JobOutcome.ERROR: Outcome.ERROR,
    JobOutcome.DIED: Outcome.DIED,
    JobOutcome.CANCELLED: Outcome.INTERRUPTED,
}
"""What a job that gave no value makes of its trial."""


@dataclass(slots=True)
class Running:
    """A trial in flight."""

    proposal: Proposal
    is_again: bool = False
    scores: list[list[float]] = field(default_factory=list)  # per fold, per predictive metric
    models: list[str | None] = field(default_factory=list)  # per delivered fold, class or None
    cost_seconds: float = 0.0
    wall_seconds: float = 0.0
    row_seconds: float = 0.0  # to predict one row with these models
    size_kib: float | None = None
    gzip_kib: float | None = None  # where it is asked for
    latency_ms: float | None = None
    file: dict[str, float] = field(default_factory=dict)  # what was measured of a target's file
    n_labelled: list[int] = field(default_factory=list)  # per fold, where rows got a label
    rungs: tuple[tuple[int, float], ...] = ()  # of the first fold's fit


def reason_of(report: JobReport, running: Running, seconds: float) -> str:
    """Says why a job gave no value.

    Args:
        report: Of the job.
        running: Its trial.
        seconds: Wall limit of a trial, of which a job has what the ones before it left.
    """
    if report.outcome is JobOutcome.TIMEOUT and running.scores:
        n = len(running.scores)
        before = "the fold before it" if n == 1 else f"the {n} folds before it"
        return f"{report.reason}; {before} took the rest of the trial's {seconds:.3g} s"
    if report.outcome is JobOutcome.NOT_APPLICABLE:
        return report.reason
    kind = report.error_type.rpartition(".")[2]
    return f"{kind}: {report.reason}" if kind and kind not in report.reason else report.reason
