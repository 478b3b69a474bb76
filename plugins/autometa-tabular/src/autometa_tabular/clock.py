"""When an iterative fit has to stop so that its model is still predicted with and saved in time."""

from __future__ import annotations

from math import isfinite

from autometa import FitContext


class Clock:
    """Keeps a fifth of the time that was left at the start for what follows the fit.

    Args:
        context: Of the fit; a deadline of inf never expires.
    """

    def __init__(self, context: FitContext) -> None:
        self._context = context
        self._reserve = 0.2 * min(context.remaining(), 3e8)  # ten years: inf * 0.2 is no number

    def left(self) -> float:
        """Seconds until the fit has to stop, at least 0; inf without a deadline."""
        return max(0.0, self._context.remaining() - self._reserve)

    def steps(self, seconds_per_step: float, most: int) -> int:
        """Gives how many steps to take before the next look: half of what fits, 1 to `most`."""
        if not isfinite(self.left()):
            return most
        return int(min(max(0.5 * self.left() / max(seconds_per_step, 1e-9), 1), most))

    def expired(self) -> bool:
        """Whether the fit has to stop now."""
        return self.left() <= 0.0
