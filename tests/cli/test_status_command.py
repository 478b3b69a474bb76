"""What ``autometa status`` prints for people."""

from __future__ import annotations

import math
from typing import Any

import pytest

from autometa.cli.status import to_text
from autometa.trial import Outcome, TrialResult


def report(*results: TrialResult) -> dict[str, Any]:
    totals = {"complete": 1, "pruned": 1, "failed": 1, "not_applicable": 0}
    history = [result.to_json() for result in results]
    return {
        "task": "t",
        "status": "interrupted",
        "trials": totals,
        "best": None,
        "model": None,
        "history": history,
    }


@pytest.mark.parametrize(
    ("outcome", "values", "shown"),
    [
        (Outcome.COMPLETE, (0.25, 3.0), "0.25 3"),
        (Outcome.DOMINATED, (0.25, math.nan), "0.25 -"),
        (Outcome.ERROR, None, ""),
    ],
)
def test_status_shows_the_values_that_are_known(
    outcome: Outcome, values: tuple[float, ...] | None, shown: str
) -> None:
    result = TrialResult(number=7, params={"learner": "ridge"}, outcome=outcome, values=values)
    row = to_text(report(result), 10).splitlines()[-1]
    assert row.split() == ["7", "ridge", str(outcome), *shown.split(), "0.00"]
