from __future__ import annotations

import pytest

from autometa.orchestrator.candidates import affordable, fitting
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


def test_ensemble_under_bounds_is_of_trials_that_keep_them_together() -> None:
    measured = [(4, 40.0, 0.1), (1, 30.0, 0.01), (6, 9.0, 0.15), (2, 20.0, 0.01), (5, None, None)]
    ranked = [
        (
            TrialResult(
                number=n,
                params={"learner": "x"},
                outcome=Outcome.COMPLETE,
                values=(0.1,),
                size_kib=size,
                latency_ms=latency,
            ),
            ["x:Model"],
        )
        for n, size, latency in measured
    ]

    def kept(**bounds: float) -> list[int]:
        return [result.number for result, _ in fitting(ranked, bounds)]

    assert kept() == kept(memory_mib=90.0) == [4, 1, 6, 2, 5]
    assert kept(size_kib=64.0) == [4, 6, 5]  # 40 + 9; 30 and 20 would be too much
    assert kept(size_kib=80.0, latency_ms=0.2) == [4, 1, 5]
    assert kept(size_kib=1.0) == [4]
