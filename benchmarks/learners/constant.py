"""A learner that costs nothing: what a trial with it costs is what trials cost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa import FitContext, Learner, LearnerSpec, Model, Space, TrainingData, hookimpl


def space() -> Space:
    """Gives six hyperparameters, one of them conditional."""
    return Space(
        params={
            "shift": FloatDistribution(-1.0, 1.0),
            "scale": FloatDistribution(1e-3, 1.0, log=True),
            "degree": IntDistribution(1, 8),
            "kind": CategoricalDistribution(("plain", "bent", "cut")),
            "bend": FloatDistribution(0.0, 1.0),
            "is_slow": CategoricalDistribution((False, True)),
        },
        conditions={"bend": ("kind", ("bent",))},
        defaults={"shift": 0.5, "scale": 0.1, "degree": 2, "kind": "plain", "is_slow": False},
    )


class Constant(Model):
    """Predicts one number."""

    format: ClassVar[str] = "benchmark-constant"

    def __init__(self, value: float) -> None:
        self.value = value

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """Gives the number for each row."""
        return np.full(len(X), self.value)

    def save(self, folder: Path) -> None:
        """Writes one JSON file."""
        (folder / "constant.json").write_text(json.dumps(self.value), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads what `save` wrote."""
        return cls(float(json.loads((folder / "constant.json").read_text(encoding="utf-8"))))


class ConstantLearner(Learner):
    """Misses the mean by what the configuration says, so that there is something to search."""

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        """Gives the mean plus an offset; noise keeps the folds of a trial apart."""
        config: dict[str, Any] = {**space().defaults, **self.config}
        offset = config["scale"] * config["shift"] ** config["degree"] + config.get("bend", 0.0) / 9
        noise = 0.1 * context.rng.normal()
        return Constant(float(np.mean(data.y) + np.std(data.y) * (offset + noise)))


@hookimpl
def autometa_learners() -> Sequence[LearnerSpec]:
    """Gives the learner."""
    return [
        LearnerSpec(
            name="benchmark_constant",
            problems=frozenset({"regression"}),
            factory=f"{__file__}:ConstantLearner",
            space=f"{__file__}:space",
            cost=0.1,
            summary="costs nothing",
        )
    ]
