"""Learners that cost next to nothing: one is immediate, two take their time asleep."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
from optuna.distributions import FloatDistribution

from autometa import Learner, LearnerSpec, Model, Space, hookimpl


class Slope(Model):
    """Predicts "yes" with the logistic function of slope * (a + b)."""

    format = "slope"

    def __init__(self, slope):
        self.slope = slope

    def predict(self, X):
        p = 1 / (1 + np.exp(-self.slope * (X["a"] + X["b"]).to_numpy(dtype=float)))
        return np.column_stack([1 - p, p])

    def save(self, folder):
        (Path(folder) / "slope.json").write_text(json.dumps(self.slope))

    @classmethod
    def load(cls, folder):
        return cls(json.loads((Path(folder) / "slope.json").read_text()))


class Quick(Learner):
    def fit(self, data, context):
        return Slope(self.config["slope"] + 0.01 * context.rng.random())


class Slow(Quick):
    def fit(self, data, context):
        time.sleep(0.25)
        return super().fit(data, context)


class Sleepy(Quick):
    """Sleeps, once it has said so, until there is a file ``awake``."""

    def fit(self, data, context):
        folder = Path(os.environ["SLEEPY"])
        if not (folder / "awake").exists():
            (folder / "asleep").touch()
            time.sleep(600)
        return super().fit(data, context)


def space():
    return Space({"slope": FloatDistribution(0.0, 5.0)}, {}, {"slope": 0.1})


@hookimpl
def autometa_learners():
    return [
        LearnerSpec(
            name=kind.__name__.lower(),
            problems=frozenset({"classification"}),
            factory=f"{__file__}:{kind.__name__}",
            space=f"{__file__}:space",
        )
        for kind in (Quick, Slow, Sleepy)
    ]
