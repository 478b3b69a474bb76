"""When a training has to stop so that its model is still predicted with and saved in time."""

from __future__ import annotations

import time
from math import isfinite

from autometa import FitContext


class Clock:
    """Keeps a fifth of the time that was left at the start for what follows the fit.

    Args:
        context: Of the fit; a deadline of inf never expires.
    """

    def __init__(self, context: FitContext) -> None:
        self._context = context
        self._started = time.monotonic()
        self._reserve = 0.2 * min(context.remaining(), 3e8)  # ten years: inf * 0.2 is no number

    def expired(self) -> bool:
        """Whether the training has to stop now."""
        return self._context.remaining() <= self._reserve

    def share_that_fits(self, done: float) -> float:
        """Gives which share of the work fits into the time, in (0, 1].

        Args:
            done: Share of the work that the time so far was spent on, > 0.
        """
        left = self._context.remaining() - self._reserve
        if not isfinite(left):
            return 1.0
        spent = time.monotonic() - self._started
        return min(1.0, max(done, done * (spent + max(left, 0.0)) / max(spent, 1e-9)))
