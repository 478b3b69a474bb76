"""Which trial to take when a little quality may be given for speed, size or cost.

A rule reads ``fastest within 1 % of the best``:

::

    RULE     = MEASURE "within" NUMBER "%" ["of the best"]
    MEASURE  = "fastest" (latency_ms) | "smallest" (size_kib) | "cheapest" (cost_seconds)

The percentage is of the best value of the first objective, whatever its direction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from autometa.errors import TaskError
from autometa.measure import Metric
from autometa.trial import TrialResult

MEASURES = {"fastest": "latency_ms", "smallest": "size_kib", "cheapest": "cost_seconds"}

_RULE = re.compile(
    r"\s*(fastest|smallest|cheapest)\s+within\s+(\d+(?:\.\d*)?|\.\d+)\s*%(?:\s*of\s+the\s+best)?\s*",
    re.IGNORECASE,
)
_HINT = "Such as 'fastest within 1 % of the best'; also smallest, cheapest."


@dataclass(frozen=True, slots=True)
class Rule:
    """A parsed rule.

    Args:
        measure: What is to be least: a value of `MEASURES`.
        share: Of the best value that may be lost, at least 0.

    Example:
        >>> Rule.parse("smallest within 2.5 % of the best")
        Rule(measure='size_kib', share=0.025)
    """

    measure: str
    share: float

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Reads a rule.

        Raises:
            TaskError: If it is none.
        """
        match = _RULE.fullmatch(text)
        if match is None:
            raise TaskError(f"--rule cannot be understood: {text!r}.", hint=_HINT)
        return cls(MEASURES[match[1].lower()], float(match[2]) / 100.0)

    def choose(self, results: Sequence[TrialResult], lead: Metric) -> TrialResult | None:
        """Gives the trial that the rule takes, the better one of equals; None of none.

        Args:
            results: Usable trials, all with values.
            lead: The first objective.

        Raises:
            TaskError: If the measure was not taken in any trial that is good enough.
        """
        losses = {r.number: lead.loss(r.values[0]) for r in results if r.values}
        if not losses:
            return None
        best = min(losses.values())
        limit = best + self.share * abs(best)
        good = [r for r in results if losses.get(r.number, float("inf")) <= limit]
        measured = [r for r in good if getattr(r, self.measure) is not None]
        if not measured:
            raise TaskError(
                f"--rule needs {self.measure}, which was not measured.",
                hint=f"Add {self.measure} to objectives or constraints, and search with --fresh.",
            )
        return min(measured, key=lambda r: (getattr(r, self.measure), losses[r.number], r.number))
