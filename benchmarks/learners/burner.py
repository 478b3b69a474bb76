"""A learner that does a fixed amount of arithmetic, whatever the data."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from optuna.distributions import FloatDistribution

from autometa import FitContext, Learner, LearnerSpec, Model, Space, TrainingData, hookimpl

ROUNDS = "AUTOMETA_BENCHMARK_ROUNDS"
KIND = "AUTOMETA_BENCHMARK_KIND"


def burn_python(rounds: int) -> int:
    """Computes in the interpreter, which holds its lock."""
    value = 1
    for step in range(rounds):
        value = (value * 1103515245 + step) % 2147483648
    return value


def burn_numpy(rounds: int) -> float:
    """Computes in numpy, which lets the interpreter's lock go."""
    values = np.linspace(0.0, 1.0, 10_000)
    total = 0.0
    for _ in range(rounds):
        total += float(np.sin(values).sum())
    return total


BURN = {"python": burn_python, "numpy": burn_numpy}


def space() -> Space:
    """Gives one hyperparameter."""
    return Space({"shift": FloatDistribution(-1.0, 1.0)}, {}, {"shift": 0.5})


class Shares(Model):
    """Predicts the same probabilities for each row."""

    format: ClassVar[str] = "benchmark-shares"

    def __init__(self, shares: Sequence[float]) -> None:
        self.shares = tuple(shares)

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Gives (n, k) probabilities."""
        return np.repeat([self.shares], len(X), axis=0)

    def save(self, folder: Path) -> None:
        """Writes one JSON file."""
        (folder / "shares.json").write_text(json.dumps(self.shares), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        return cls(json.loads((folder / "shares.json").read_text(encoding="utf-8")))


class Burner(Learner):
    """Burns, then predicts two classes."""

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Gives probabilities that depend on the hyperparameter alone."""
        BURN[os.environ[KIND]](int(os.environ[ROUNDS]))
        share = 1 / (1 + float(np.exp(self.config["shift"])))
        return Shares((share, 1 - share))


@hookimpl
def autometa_learners() -> Sequence[LearnerSpec]:
    """Gives the learner."""
    return [
        LearnerSpec(
            name="benchmark_burner",
            problems=frozenset({"classification"}),
            factory=f"{__file__}:Burner",
            space=f"{__file__}:space",
            summary="burns a fixed amount of CPU time",
        )
    ]
