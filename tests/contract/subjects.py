"""Learners and compressors: good ones, and for each rule one that breaks it."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import numpy as np

from autometa import (
    CompressContext,
    Compressor,
    FitContext,
    Learner,
    Model,
    NotApplicable,
    Space,
    TrainingData,
)


class Mean(Model):
    """Predicts one value, and keeps every rule."""

    format = "mean"

    def __init__(self, value: list[float] | float) -> None:
        self.value = value

    def predict(self, X):
        return np.repeat(np.array([self.value], dtype=float), len(X), axis=0)

    def save(self, folder: Path) -> None:
        (folder / "mean.json").write_text(json.dumps(self.value))

    @classmethod
    def load(cls, folder: Path):
        try:
            return cls(json.loads((folder / "mean.json").read_text()))
        except OSError as exc:
            raise ValueError("no mean.json") from exc


class Good(Learner):
    model = Mean

    def fit(self, data: TrainingData, context: FitContext) -> Model:
        weight = data.sample_weight
        if data.n_classes is None:
            return self.model(float(np.average(data.y, weights=weight)))
        soft = data.y if data.y.ndim == 2 else np.eye(data.n_classes)[data.y]
        return self.model(np.average(soft, axis=0, weights=weight).tolist())


def empty_space() -> Space:
    return Space({}, {}, {})


def wandering_space() -> Space:
    from optuna.distributions import FloatDistribution

    return Space({"x": FloatDistribution(0, time.time())}, {}, {"x": 0.5})


def incomplete_space() -> Space:
    from optuna.distributions import FloatDistribution

    return Space({"x": FloatDistribution(0, 1)}, {}, {})


def outside_space() -> Space:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    params = {"kind": CategoricalDistribution(("a", "b")), "x": FloatDistribution(0, 1)}
    return Space(params, {"x": ("kind", ("c",))}, {"kind": "a"})


class Mutating(Good):
    def fit(self, data, context):
        data.X.iloc[0, 0] = 99.0
        return super().fit(data, context)


class Random(Good):
    def fit(self, data, context):
        return Mean((super().fit(data, context).predict([0])[0] * np.random.rand()).tolist())


class NoModel(Good):
    def fit(self, data, context):
        return "a model"


class Unsummed(Mean):
    def predict(self, X):
        return 2.0 * super().predict(X)


class GivesUnsummed(Good):
    model = Unsummed


class Pickled(Mean):
    def save(self, folder: Path) -> None:
        (folder / "mean.bin").write_bytes(pickle.dumps(self.value))


class GivesPickled(Good):
    model = Pickled


class Forgetful(Mean):
    @classmethod
    def load(cls, folder: Path):
        return cls((np.asarray(super().load(folder).value) + 0.01).tolist())


class GivesForgetful(Good):
    model = Forgetful


class Trusting(Mean):
    @classmethod
    def load(cls, folder: Path):
        return cls(0.0)


class GivesTrusting(Good):
    model = Trusting


class Weightless(Good):
    def fit(self, data, context):
        plain = TrainingData(data.X, data.y, data.n_classes)
        return super().fit(plain, context)


class Hardening(Good):
    def fit(self, data, context):
        hard = data.y.argmax(axis=1) if data.y.ndim == 2 else data.y
        return super().fit(TrainingData(data.X, hard, data.n_classes), context)


class Silent(Good):
    def fit(self, data, context):
        raise NotApplicable("")


class Fragile(Good):
    def fit(self, data, context):
        if len(data) == 1:
            raise np.linalg.LinAlgError("Singular matrix")
        return super().fit(data, context)


class Late(Good):
    def fit(self, data, context):
        time.sleep(0.3)
        return super().fit(data, context)


class PerBatch(Mean):
    def predict(self, X):
        return super().predict(X) * 1.0 if len(X) != 1 else super().predict(X) + 1.0


class GivesPerBatch(Good):
    model = PerBatch


class Picky(Good):
    def fit(self, data, context):
        raise NotApplicable("only on Sundays")


def strength_space() -> Space:
    from optuna.distributions import FloatDistribution

    return Space({"strength": FloatDistribution(0.0, 1.0)}, {}, {"strength": 0.5})


class Rounding(Compressor):
    """Rounds the value, and keeps every rule."""

    def compress(self, model: Model, context: CompressContext) -> Model:
        if not isinstance(model, Mean):
            raise NotApplicable(f"needs a mean, got a {model.format} model")
        step = self.config["strength"]
        value = np.asarray(model.value, dtype=float)
        return Mean((np.round(value / step) * step).tolist() if step else model.value)


class Wiping(Rounding):
    def compress(self, model, context):
        model.value = 0.0
        return Mean(0.0)


class AtLeastHalf(Rounding):
    def compress(self, model, context):
        return Mean(0.5)


class Renaming(Rounding):
    def compress(self, model, context):
        result = super().compress(model, context)
        result.format = "other"
        return result


class Idle(Rounding):
    def compress(self, model, context):
        return Mean(model.value)


class Presuming(Rounding):
    def compress(self, model, context):
        return Mean(model.value / 2)
