"""What a report is made of: everything the study knows, as it crosses the process boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from autometa.measure import Metric
from autometa.trial import Outcome, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldTrial:
    """A trial with what its proposer said about it (see `PriorSampler`); {} = nothing."""

    result: TrialResult
    explanation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """The first objective in the user's units; None unless complete."""
        values = self.result.values
        return values[0] if values and self.result.outcome is Outcome.COMPLETE else None

    @property
    def learner(self) -> str:
        """Name of its learner."""
        return str(self.result.params.get("learner", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the study knows.

    Args:
        task: JSON of the task.
        task_file: As a command takes it.
        final: What ``optimize --json`` prints; of a search that is not finished, as far as known.
        told: All counted trials, by number.
        objectives: The first leads.
        bounds: Upper bound by metric name.
        space: `space_to_json` of what was searched, or "".
        baseline: Scores of the constant prediction, by metric.
        prepared: Folder of the prepared data, or None when it is not on this machine.
        trials: Folder of what trials left.
        model: The model folder, or None.
        packages: From which models may be loaded.
        curve: Learning curve: ``rows``, ``scores`` (one list per size), ``learner``; {} = none.
        version: Of autometa.
        predictions: An npy file of what the model says about the test part; None = it is asked.
    """

    task: Mapping[str, Any]
    task_file: str
    final: Mapping[str, Any]
    told: Sequence[ToldTrial]
    objectives: Sequence[Metric]
    bounds: Mapping[str, float]
    space: str
    baseline: Mapping[str, float]
    prepared: Path | None
    trials: Path
    model: Path | None
    packages: frozenset[str]
    curve: Mapping[str, Any]
    version: str
    predictions: Path | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Reads the JSON object with the keys of the arguments."""
        told = [
            ToldTrial(result=TrialResult.from_json(row["result"]), explanation=row["explanation"])
            for row in data["told"]
        ]
        places = {
            name: Path(data[name]) if data.get(name) else None
            for name in ("prepared", "model", "predictions")
        }
        return cls(
            **{
                **data,
                **places,
                "told": told,
                "objectives": [Metric.from_json(metric) for metric in data["objectives"]],
                "trials": Path(data["trials"]),
                "packages": frozenset(data["packages"]),
            }
        )

    @property
    def lead(self) -> Metric:
        """The first objective."""
        return self.objectives[0]

    @property
    def predictive(self) -> Metric | None:
        """The first objective that is scored on predictions, or None."""
        return next((metric for metric in self.objectives if not metric.is_resource), None)

    @property
    def complete(self) -> list[ToldTrial]:
        """The complete trials that keep all bounds, best first."""
        usable = [trial for trial in self.told if trial.value is not None and self._keeps(trial)]
        return sorted(usable, key=lambda trial: self.lead.loss(trial.value or 0.0))

    def _keeps(self, trial: ToldTrial) -> bool:
        metrics = trial.result.metrics
        return all(metrics.get(name, float("inf")) <= b for name, b in self.bounds.items())

    @property
    def best(self) -> ToldTrial | None:
        """The trial that leads, or None."""
        number = (self.final.get("best") or {}).get("number")
        return next((trial for trial in self.told if trial.result.number == number), None)
