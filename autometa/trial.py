"""The only record of a trial, from the moment it is told to the last knowledge base."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

ParamValue: TypeAlias = bool | int | float | str | None
"""A value of a hyperparameter: what JSON and Optuna's distributions can hold."""


class Outcome(StrEnum):
    """How a trial ended. The truth behind Optuna's state and MLflow's status."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    DOMINATED = "dominated"
    NOT_APPLICABLE = "not_applicable"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    ERROR = "error"
    DIED = "died"
    INVALID_SCORE = "invalid_score"
    INTERRUPTED = "interrupted"

    @property
    def count_key(self) -> str | None:
        """Under which heading `counts` counts it; None for interrupted, which is not counted."""
        return _COUNT_KEYS[self]

    @property
    def optuna_state(self) -> str:
        """Name of the `optuna.trial.TrialState` it is told with."""
        return _OPTUNA_STATES.get(self, "PRUNED")

    @property
    def mlflow_status(self) -> str:
        """Name of the MLflow run status it is shown with."""
        return _MLFLOW_STATUSES.get(self, "KILLED")


_COUNT_KEYS: dict[Outcome, str | None] = {
    Outcome.COMPLETE: "complete",
    Outcome.PRUNED: "pruned",
    Outcome.DOMINATED: "pruned",
    Outcome.NOT_APPLICABLE: "not_applicable",
    Outcome.TIMEOUT: "failed",
    Outcome.MEMORY: "failed",
    Outcome.ERROR: "failed",
    Outcome.DIED: "failed",
    Outcome.INVALID_SCORE: "failed",
    Outcome.INTERRUPTED: None,
}
# Timeouts and memory are told as pruned: TPE ignores FAIL and would propose them again.
_OPTUNA_STATES = {
    Outcome.COMPLETE: "COMPLETE",
    Outcome.ERROR: "FAIL",
    Outcome.DIED: "FAIL",
    Outcome.INVALID_SCORE: "FAIL",
    Outcome.INTERRUPTED: "FAIL",
}
_MLFLOW_STATUSES = {
    Outcome.COMPLETE: "FINISHED",
    Outcome.ERROR: "FAILED",
    Outcome.DIED: "FAILED",
    Outcome.INVALID_SCORE: "FAILED",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """One told trial.

    Args:
        number: Position in the study, from 0; interrupted trials take none.
        params: The active hyperparameters, by their full names (``linear.alpha``).
        outcome: How it ended.
        values: One per objective, in the task's order and the user's units; None unless known
            for the full fidelity (complete, or dominated with the later ones missing as NaN).
        fold_scores: First objective per finished fold, in fold order, user's units.
        standard_errors: One per objective, of the mean over folds; NaN where unknown.
        fidelity: Share of the full training effort behind `fold_scores`, in (0, 1].
        cost_seconds: CPU seconds spent in jobs of this trial.
        seed: What the trial's randomness derives from.
        proposer: Who proposed it: ``default``, ``target`` or an expert of the prior.
        size_kib: Size of the deliverable in KiB, or None where not measured.
        latency_ms: Median single-row latency of the deliverable in ms, or None.
        reason: One line on why it is not complete; "" when complete.
        metrics: Further measured numbers by name.
        step: Stage and name of the compressor at which it ended, ``prune shrink``; else "".
        rungs: Rung and loss on an inner split that the fit of the first fold reported there, of
            learners whose reports can be compared.
    """

    number: int
    params: Mapping[str, ParamValue]
    outcome: Outcome
    values: tuple[float, ...] | None = None
    fold_scores: tuple[float, ...] = ()
    standard_errors: tuple[float, ...] | None = None
    fidelity: float = 1.0
    cost_seconds: float = 0.0
    seed: int = 0
    proposer: str = "target"
    size_kib: float | None = None
    latency_ms: float | None = None
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    step: str = ""
    rungs: tuple[tuple[int, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Gives a dict that `json` can write; NaN becomes None."""
        data = asdict(self)
        data["outcome"] = self.outcome.value
        for key in ("values", "fold_scores", "standard_errors"):
            if data[key] is not None:
                data[key] = [None if math.isnan(value) else value for value in data[key]]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrialResult:
        """Reads what `to_json` gave. Unknown keys (of a newer version) are ignored.

        Raises:
            KeyError: If number, params or outcome is missing.
            ValueError: If the outcome is unknown.
        """
        known = {key: data[key] for key in cls.__slots__ if key in data}
        known["params"] = dict(data["params"])
        known["number"] = int(data["number"])
        known["outcome"] = Outcome(data["outcome"])
        for key in ("values", "fold_scores", "standard_errors"):
            if known.get(key) is not None:
                known[key] = tuple(math.nan if v is None else float(v) for v in known[key])
        known["rungs"] = tuple((int(rung), float(loss)) for rung, loss in known.get("rungs", ()))
        return cls(**known)


def counts(results: list[TrialResult]) -> dict[str, int]:
    """Gives how many trials ended how: ``complete``, ``pruned``, ``failed``, ``not_applicable``."""
    totals = {"complete": 0, "pruned": 0, "failed": 0, "not_applicable": 0}
    for result in results:
        if (key := result.outcome.count_key) is not None:
            totals[key] += 1
    return totals
