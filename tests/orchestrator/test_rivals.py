"""What earlier trials say of one whose latency is not known yet."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from autometa.measure import METRICS
from autometa.orchestrator.evaluation import Evaluation
from autometa.orchestrator.rivals import Rivals
from autometa.plugins import load_plugins
from autometa.trial import Outcome, TrialResult

OBJECTIVES = ("accuracy", "size_kib", "latency_ms")


def rivals(names: tuple[str, ...] = OBJECTIVES, bounds: dict[str, float] | None = None) -> Rivals:
    evaluation = Evaluation(
        prepared=Path(),
        n_folds=1,
        n_delivered=1,
        metrics=tuple(METRICS[name] for name in names),
        n_objectives=len(names),
        bounds=bounds or {},
        seconds=1.0,
        n_threads=1,
        folder=Path(),
        header={},
    )
    found = Rivals(evaluation, load_plugins())
    for number, values in enumerate([(0.9, 50.0, 0.2), (0.8, 10.0, 0.1), (0.7, 5.0, 0.3)]):
        known = dict(zip(OBJECTIVES, values, strict=True))
        result = TrialResult(
            number=number,
            params={"learner": "ridge"},
            outcome=Outcome.COMPLETE,
            values=tuple(known[name] for name in names),
            fold_scores=(values[0],),
            metrics=known,
        )
        found.learn(result)
    return found


@pytest.mark.parametrize(("accuracy", "most"), [(0.81, math.inf), (0.8, 10.0), (0.6, 10.0)])
def test_trial_is_measured_up_to_the_size_of_the_fastest_unless_it_is_better(
    accuracy: float, most: float
) -> None:
    assert rivals().beaten_above_kib({"accuracy": accuracy}) == most


def test_size_does_not_matter_where_it_is_no_objective() -> None:
    found = rivals(("accuracy", "latency_ms"))
    assert found.beaten_above_kib({"accuracy": 0.7}) == 0.0
    assert found.beaten_above_kib({"accuracy": 0.8}) == math.inf


def test_only_those_that_keep_the_bounds_are_rivals() -> None:
    assert rivals(bounds={"size_kib": 8.0}).beaten_above_kib({"accuracy": 0.6}) == 5.0


def test_what_is_not_known_yet_may_be_better() -> None:
    assert rivals().beaten_above_kib({}) == math.inf
    assert rivals(("accuracy", "size_kib")).beaten_above_kib({"accuracy": 0.1}) == math.inf
