from __future__ import annotations

import pytest

from autometa.orchestrator.delivery import affordable
from autometa.trial import Outcome, TrialResult


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0, [7]), (1.0, [7, 3]), (5.0, [7, 2, 3]), (9.0, [7, 5, 3]), (99.0, [7, 5, 2, 3])],
)
def test_ensemble_is_of_trials_that_can_be_scored_in_time(
    seconds: float, expected: list[int]
) -> None:
    ranked = [
        TrialResult(number=n, params={"learner": "x"}, outcome=Outcome.COMPLETE, values=(0.1,))
        for n in (7, 5, 2, 3)
    ]
    # 1,000 rows take 1, 8 and 4 seconds; the last is unknown, and costs nothing.
    kept = affordable(ranked, {7: 0.001, 5: 0.008, 2: 0.004}, 1000, seconds)
    assert [result.number for result in kept] == expected
