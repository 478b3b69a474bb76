"""Learners that do everything wrong, one each, and one that does it right."""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from autometa import Learner, LearnerSpec, Model, NotApplicable, Space, hookimpl

WORDS = 4 * 2**20


class Shares(Model):
    """Predicts the shares of the classes."""

    format = "shares"

    def __init__(self, shares):
        self.shares = shares

    def predict(self, X):
        return np.tile(self.shares, (len(X), 1))

    def save(self, folder):
        (folder / "shares.json").write_text(json.dumps(list(self.shares)))

    @classmethod
    def load(cls, folder):
        return cls(np.array(json.loads((Path(folder) / "shares.json").read_text())))


class Good(Learner):
    model = Shares

    def fit(self, data, context):
        self.misbehave(data, context)
        return self.model(np.bincount(data.y, minlength=data.n_classes) / len(data.y))

    def misbehave(self, data, context):
        pass


class Exits(Good):
    def misbehave(self, data, context):
        sys.exit("enough")


class HardExits(Good):
    def misbehave(self, data, context):
        os._exit(3)


class Interrupts(Good):
    def misbehave(self, data, context):
        raise KeyboardInterrupt


class Segfaults(Good):
    def misbehave(self, data, context):
        ctypes.string_at(0)


class IsKilled(Good):
    def misbehave(self, data, context):
        os.kill(os.getpid(), signal.SIGKILL)


class Hangs(Good):
    def misbehave(self, data, context):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "600"])
        time.sleep(600)


class Eats(Good):
    def misbehave(self, data, context):
        self.eaten = np.ones(2**28)  # 2 GiB


class Talks(Good):
    def misbehave(self, data, context):
        line = "word " * 12800 + "\n"  # 64 kB
        for _ in range(WORDS * 5 // len(line)):
            print(line, end="")


class Litters(Good):
    def misbehave(self, data, context):
        subprocess.Popen(["sleep", "601"], start_new_session=True)


class Meddles(Good):
    def misbehave(self, data, context):
        os.chdir("/")
        os.environ["MEDDLED"] = "yes"
        random.seed(1)
        np.random.seed(1)
        warnings.simplefilter("ignore")
        sys.path.clear()
        os.close(2)


class Mutates(Good):
    def misbehave(self, data, context):
        data.X["a"] = 0.0
        data.X.loc[:, "b"] = 1.0


class Raises(Good):
    def misbehave(self, data, context):
        raise ZeroDivisionError("by the\nplugin")


class Declines(Good):
    def misbehave(self, data, context):
        raise NotApplicable("the moon is full")


class NoModel(Good):
    def fit(self, data, context):
        return {"weights": [1, 2]}


def predicting(name, predict):
    model = type(f"{name}Model", (Shares,), {"predict": lambda self, X: predict(len(X))})
    return type(name, (Good,), {"model": model})


def _raise(n):
    raise RuntimeError("cannot predict today")


PREDICTIONS = {
    "predict_raises": _raise,
    "predict_nan": lambda n: np.full((n, 2), np.nan),
    "predict_inf": lambda n: np.full((n, 2), np.inf),
    "predict_none": lambda n: None,
    "predict_list": lambda n: [[0.5, 0.5]] * n,
    "predict_str": lambda n: np.full((n, 2), "0.5"),
    "predict_complex": lambda n: np.full((n, 2), 0.5 + 0j),
    "predict_short": lambda n: np.full((n - 1, 2), 0.5),
    "predict_wide": lambda n: np.full((n, 3), 1 / 3),
    "predict_negative": lambda n: np.tile([-0.5, 1.5], (n, 1)),
    "predict_unnormed": lambda n: np.full((n, 2), 0.9),
}


class Unsaved(Shares):
    def save(self, folder):
        raise TypeError("cannot pickle '_thread.lock' object")


class Unsavable(Good):
    model = Unsaved


class Unread(Shares):
    @classmethod
    def load(cls, folder):
        raise ValueError("these are not my files")


class Unloadable(Good):
    model = Unread


class Forgetful(Shares):
    @classmethod
    def load(cls, folder):
        return cls(np.array([0.5, 0.5]))


class Forgets(Good):
    model = Forgetful


LEARNERS = {
    "good": Good,
    "exits": Exits,
    "hard_exits": HardExits,
    "interrupts": Interrupts,
    "segfaults": Segfaults,
    "is_killed": IsKilled,
    "hangs": Hangs,
    "eats": Eats,
    "talks": Talks,
    "litters": Litters,
    "meddles": Meddles,
    "mutates": Mutates,
    "raises": Raises,
    "declines": Declines,
    "no_model": NoModel,
    "unsavable": Unsavable,
    "unloadable": Unloadable,
    "forgets": Forgets,
    **{name: predicting(name, predict) for name, predict in PREDICTIONS.items()},
    "last": Good,
}
globals().update({f"{name}_learner": learner for name, learner in LEARNERS.items()})
globals().update({kind.model.__name__: kind.model for kind in LEARNERS.values()})


def space():
    return Space({})


@hookimpl
def autometa_learners():
    return [
        LearnerSpec(
            name=name,
            problems=frozenset({"classification"}),
            factory=f"{__file__}:{name}_learner",
            space=f"{__file__}:space",
            cost=1.0 + index,
        )
        for index, name in enumerate(LEARNERS)
    ]
