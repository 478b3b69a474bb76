"""A learner that reports eight steps, keeps each, and can be interrupted at one."""

from __future__ import annotations

import os
from pathlib import Path

from optuna.distributions import FloatDistribution

from autometa import Learner, LearnerSpec, Space, hookimpl
from autometa.resolve import resolve

N_STEPS = 8


class Walked(resolve(f"{Path(__file__).with_name('parts_plugin.py')}:Slope")):
    pass


class Interrupted(BaseException):
    """As a kill would be, but for one fit."""


class Walk(Learner):
    """Walks to its slope; the further it is from 4, the larger the loss at all steps."""

    def fit(self, data, context):
        slope, start = self.config["slope"], 0
        context.checkpoint._every = context.checkpoint._due = 0.0
        if (kept := context.checkpoint.latest()) is not None:
            start = int((kept / "step").read_text())
        for step in range(start + 1, N_STEPS + 1):
            self._write(step)
            context.checkpoint.keep(lambda place, step=step: _save(place, step))
            context.report(step, (5.0 - slope) / step)
        return Walked(slope, 0)

    def _write(self, step):
        place = Path(os.environ["WALKED"])
        with place.open("a") as file:
            file.write(f"{self.config['slope']:.6f} {step}\n")
        if place.with_name("interrupt").exists() and step == 4:
            place.with_name("interrupt").unlink()
            raise Interrupted


def _save(place, step):
    (place / "step").write_text(str(step))


def space():
    return Space({"slope": FloatDistribution(0.0, 4.0)}, {}, {"slope": 2.0})


@hookimpl
def autometa_learners():
    return [
        LearnerSpec(
            name="walk",
            problems=frozenset({"classification"}),
            factory=f"{__file__}:Walk",
            space=f"{__file__}:space",
            capabilities=frozenset({"rungs", "checkpoint"}),
        )
    ]
