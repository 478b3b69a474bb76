"""Rungs: steps at which a running fit is compared with earlier ones of its learner.

They are the powers of two from 4 on: before that the best fit may still be behind. What a fit
reports at the first step that is no smaller than a rung counts for it, and the fit is ended there
when that is worse than the limit of the rung.

Source: Li et al. 2020, "A system for massively parallel hyperparameter tuning" (ASHA), section 3,
in its stopping form: nothing that was ended is taken up again, and nothing waits for others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from autometa.errors import Pruned

FIRST = 4


class Rungs:
    """Listens to the reports of one fit.

    Args:
        limits: The largest loss with which a fit goes on, by rung; those that are missing have
            none.
        file: Keeps what was reached, so that a fit that goes on from a checkpoint has it too.

    Attributes:
        reached: Loss by rung, rungs rising.
    """

    def __init__(self, limits: Mapping[int, float], file: Path) -> None:
        self._limits = limits
        self._file = file
        self.reached: dict[int, float] = {}
        with suppress(OSError, ValueError):
            found = json.loads(file.read_text(encoding="utf-8"))
            self.reached = {int(rung): float(loss) for rung, loss in found}

    def report(self, step: int, value: float) -> None:
        """Takes a report, see `FitContext.report`.

        Raises:
            Pruned: If the fit is to be ended.
        """
        rung = rung_of(step)
        if rung <= max(self.reached, default=0):
            return
        self.reached[rung] = float(value)
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(list(self.reached.items())), encoding="utf-8")
        if value > self._limits.get(rung, float("inf")):
            raise Pruned(f"at step {step} its loss is {value:.4g}, behind others of its learner")


def rung_of(step: int) -> int:
    """Gives the largest rung that is at most `step`; 0 below the first."""
    return 1 << (step.bit_length() - 1) if step >= FIRST else 0
