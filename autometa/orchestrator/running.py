"""What is known of a trial while its jobs run."""

from __future__ import annotations

from dataclasses import dataclass, field

from autometa.search.study import Proposal


@dataclass(slots=True)
class Running:
    """A trial in flight."""

    proposal: Proposal
    is_again: bool = False
    scores: list[list[float]] = field(default_factory=list)  # per fold, per predictive metric
    models: list[str | None] = field(default_factory=list)  # per fold, class or None
    cost_seconds: float = 0.0
    wall_seconds: float = 0.0
    row_seconds: float = 0.0  # to predict one row with the models of all folds
    size_kib: float | None = None
    gzip_kib: float | None = None  # where it is asked for
    latency_ms: float | None = None
    file: dict[str, float] = field(default_factory=dict)  # what was measured of a target's file
    n_labelled: list[int] = field(default_factory=list)  # per fold, where rows got a label
