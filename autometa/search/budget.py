"""How much of a search is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

FINISH_SHARE = 0.1
FINISH_MOST = 6.0
FINISH_LEAST = 0.3


@dataclass(frozen=True, slots=True)
class Budget:
    """Trials and wall-clock seconds, whichever comes first, over all runs of a study.

    Args:
        trials: Told trials but interrupted ones, or None.
        seconds: From the start of the command to the complete model folder, or None.
        spent: Seconds that earlier runs took.
        started: Moment of `clock` at which this command began.
        clock: Monotonic.
    """

    trials: int | None
    seconds: float | None
    spent: float
    started: float
    clock: Callable[[], float] = time.monotonic

    @property
    def elapsed(self) -> float:
        """Seconds so far, over all runs."""
        return self.spent + self.clock() - self.started

    @property
    def end(self) -> float:
        """Moment of `clock` at which the model folder must be complete; inf = whenever."""
        if self.seconds is None:
            return math.inf
        return self.started + self.seconds - self.spent

    @property
    def search_end(self) -> float:
        """Moment at which the last trial must have ended: ensemble and test score need time."""
        if self.seconds is None:
            return math.inf
        return self.end - min(FINISH_MOST, max(FINISH_LEAST, FINISH_SHARE * self.seconds))

    def remaining(self) -> float:
        """Seconds of search left, at least 0."""
        return max(0.0, self.search_end - self.clock())

    def allows(self, n_trials: int) -> bool:
        """Whether another trial may start when `n_trials` have been told or are in flight."""
        return (self.trials is None or n_trials < self.trials) and self.remaining() > 0
