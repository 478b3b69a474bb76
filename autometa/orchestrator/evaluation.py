"""What is the same for every trial of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autometa.measure import Metric
from autometa.trial import TrialResult


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is the same for every trial of a search.

    Args:
        prepared: Folder of the prepared data.
        n_folds: How many jobs a full trial has.
        n_delivered: How many of their models make its deliverable: all, or the first alone.
        metrics: One per objective, in order, then those of constraints.
        n_objectives: How many of `metrics` are objectives.
        bounds: Upper bound by metric name.
        seconds: Wall limit of a trial.
        n_threads: Threads of a job.
        folder: Of the study's trials.
        header: Of the model folders that are measured.
        opset: Of the ONNX file that is delivered for a target; None = the model folder is what is
            measured.
        shared_seed: Of all trials, so that they can share what they make; None = each has its
            own.
        students: Factories of learners that take soft labels, by name.
    """

    prepared: Path
    n_folds: int
    n_delivered: int
    metrics: tuple[Metric, ...]
    n_objectives: int
    bounds: Mapping[str, float]
    seconds: float
    n_threads: int
    folder: Path
    header: Mapping[str, Any]
    opset: int | None = None
    shared_seed: int | None = None
    students: Mapping[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path | None:
        """Where trials share the models they make; None = each makes its own."""
        return None if self.shared_seed is None else self.folder.with_name("made")

    @property
    def objectives(self) -> tuple[Metric, ...]:
        """The metrics that are optimised."""
        return self.metrics[: self.n_objectives]

    @property
    def predictive(self) -> tuple[Metric, ...]:
        """The metrics that are scored on predictions."""
        return tuple(metric for metric in self.metrics if not metric.is_resource)

    @property
    def needs_deliverable(self) -> bool:
        """Whether something is measured of the deliverable."""
        return any(metric.is_resource for metric in self.metrics)

    @property
    def deliverable_bounds(self) -> dict[str, float]:
        """Upper bounds of what is measured of the deliverable, not of predictions."""
        names = {metric.name for metric in self.metrics if metric.is_resource}
        return {name: bound for name, bound in self.bounds.items() if name in names}

    @property
    def n_judged(self) -> int:
        """Folds after which a trial's deliverable is measured.

        As early as it is there; but an objective is compared with what else is known of a trial,
        and that should be all.
        """
        is_goal = any(metric.is_resource for metric in self.objectives)
        return self.n_folds if is_goal else self.n_delivered

    def trial_folder(self, number: int) -> Path:
        """Gives where a trial leaves its files."""
        return self.folder / str(number)


def excesses(result: TrialResult, bounds: Mapping[str, float]) -> dict[str, float]:
    """Gives by how much each bound is exceeded; what was not measured counts as exceeded by 1."""
    return {
        name: result.metrics[name] - bound if name in result.metrics else 1.0
        for name, bound in bounds.items()
    }


def is_feasible(result: TrialResult, bounds: Mapping[str, float]) -> bool:
    """Whether a complete trial keeps all bounds."""
    return all(excess <= 0 for excess in excesses(result, bounds).values())
