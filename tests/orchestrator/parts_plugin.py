"""A learner whose model can be large, compressors of it, and observers of a search."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution

from autometa import Compressor, CompressorSpec, Learner, LearnerSpec, Model, Space, hookimpl


class Slope(Model):
    """Predicts "yes" with the logistic function of slope * (a + b); carries ballast."""

    format = "slope"

    def __init__(self, slope, ballast):
        self.slope = slope
        self.ballast = ballast

    def predict(self, X):
        p = 1 / (1 + np.exp(-self.slope * (X["a"] + X["b"]).to_numpy(dtype=float)))
        return np.column_stack([1 - p, p])

    def save(self, folder):
        text = json.dumps({"slope": self.slope, "ballast": "x" * self.ballast})
        (Path(folder) / "slope.json").write_text(text)

    @classmethod
    def load(cls, folder):
        data = json.loads((Path(folder) / "slope.json").read_text())
        return cls(data["slope"], len(data["ballast"]))


class SlopeLearner(Learner):
    def fit(self, data, context):
        if place := os.environ.get("FITTED"):
            with Path(place).open("a") as file:
                file.write(f"{sorted(self.config.items())}\n")
        return Slope(self.config["slope"], 1024 * self.config["ballast_kib"])


def space():
    params = {"slope": FloatDistribution(0.0, 4.0), "ballast_kib": IntDistribution(0, 64)}
    return Space(params, {}, {"slope": 0.5, "ballast_kib": 8})


class Trim(Compressor):
    def compress(self, model, context):
        return Slope(round(model.slope, self.config["digits"]), model.ballast // 2)


class Refuse(Compressor):
    def compress(self, model, context):
        raise AssertionError("must not be asked: it takes other models")


class Breaks(Compressor):
    def compress(self, model, context):
        return Slope(model.slope / 0, model.ballast)


class Idle(Compressor):
    def compress(self, model, context):
        return Slope(model.slope, model.ballast)


def trim_space():
    return Space({"digits": IntDistribution(0, 3)}, {}, {"digits": 2})


def no_space():
    return Space({})


@hookimpl
def autometa_learners():
    return [
        LearnerSpec(
            name="slope",
            problems=frozenset({"classification"}),
            factory=f"{__file__}:SlopeLearner",
            space=f"{__file__}:space",
        )
    ]


@hookimpl
def autometa_compressors():
    return [
        CompressorSpec(
            name="trim",
            stage="prune",
            consumes=frozenset({"slope"}),
            produces="*",
            factory=f"{__file__}:Trim",
            space=f"{__file__}:trim_space",
        ),
        CompressorSpec(
            name="stranger",
            stage="quantize",
            consumes=frozenset({"torch"}),
            produces="*",
            factory=f"{__file__}:Refuse",
            space=f"{__file__}:no_space",
        ),
        CompressorSpec(
            name="pictures",
            stage="prune",
            consumes=frozenset({"*"}),
            produces="*",
            factory=f"{__file__}:Trim",
            space=f"{__file__}:trim_space",
            modalities=frozenset({"image"}),
        ),
        *(
            CompressorSpec(
                name=name.lower(),
                stage="quantize",
                consumes=frozenset({"*"}),
                produces="*",
                factory=f"{__file__}:{name}",
                space=f"{__file__}:no_space",
            )
            for name in ("Breaks", "Idle")
        ),
    ]


def _note(line):
    if place := os.environ.get("OBSERVED"):
        with Path(place).open("a") as file:
            file.write(json.dumps(line) + "\n")


@hookimpl
def autometa_trial_finished(task, result):
    _note([task["name"], result["number"], result["outcome"]])


@hookimpl
def autometa_task_finished(report):
    _note(["end", report["status"], report["best"]["number"]])
    raise RuntimeError("an observer may fail")
