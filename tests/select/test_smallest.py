"""What is as good, as far as the rows can tell, and smaller."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autometa.measure import METRICS
from autometa.select.evidence import Evidence
from autometa.select.smallest import difference, left_out, smallest


def evidence_of(n: int, *noises: float, metric: str = "rmse", seed: int = 0) -> Evidence:
    """Candidates that miss the truth by noise of some size."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    predictions = np.stack([y + noise * rng.normal(size=n) for noise in (*noises, 1.0)])
    folds = np.arange(n) * 5 // n
    return Evidence(METRICS[metric], predictions, y, folds)


def test_small_one_that_is_clearly_worse_is_not_taken() -> None:
    evidence = evidence_of(500, 0.5, 0.5, 0.9)
    best, other = evidence.predictions[:2]
    sizes = [300.0, 20.0, 2.0]
    assert smallest(evidence, best, sizes) in (0, 1)
    assert smallest(evidence, other, sizes) == 1
    assert smallest(evidence, best, [1.0, 20.0, 2.0]) == 0


def test_few_rows_cannot_tell_and_many_can() -> None:
    def share(n: int) -> float:
        drawn = [evidence_of(n, 0.5, 0.53, seed=seed) for seed in range(20)]
        return float(np.mean([smallest(e, e.predictions[0], [300.0, 2.0]) == 1 for e in drawn]))

    assert share(30) > 0.5
    assert share(5_000) < 0.1


def test_nothing_is_as_good_as_what_is_much_better_than_all() -> None:
    evidence = evidence_of(500, 0.5, 0.5)
    assert smallest(evidence, evidence.y, [1.0, 2.0]) is None


def test_nothing_is_said_when_there_is_no_time() -> None:
    evidence = evidence_of(30, 0.5, 0.5)
    late = replace(evidence, deadline=time.monotonic() - 1)
    assert smallest(late, late.predictions[0], [1.0, 2.0]) is None


@pytest.mark.parametrize(
    "metric", ["log_loss", pytest.param("roc_auc", marks=pytest.mark.slow), "accuracy"]
)
def test_standard_error_is_that_of_new_rows(metric: str) -> None:
    """The jackknife agrees with the spread of the difference over fresh draws of the rows."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[Any, Any, Any]:
        y = rng.integers(0, 2, n)
        both = []
        for noise in (0.8, 1.5):
            p = 1 / (1 + np.exp(-(2 * (2 * y - 1) + 2 * noise * rng.normal(size=n))))
            both.append(np.stack([1 - p, p], axis=1))
        return y, *both

    found, errors = [], []
    for _ in range(30):
        y, a, b = draw(200)
        evidence = Evidence(METRICS[metric], np.stack([a, b, b]), y, np.arange(200) // 100)
        gap, error = difference(left_out(evidence, b), left_out(evidence, a))
        found.append(gap)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.4)


def test_metric_that_is_undefined_without_some_rows_proves_nothing() -> None:
    y = np.array([1] + [0] * 39)
    p = np.stack([np.linspace(0, 1, 40)] * 2, axis=1)
    evidence = Evidence(METRICS["roc_auc"], np.stack([p, p, p]), y, np.arange(40) // 20)
    losses = left_out(evidence, p)
    assert difference(losses, losses) == (math.inf, 0.0)


def test_candidates_are_compared_as_the_search_does_fold_by_fold() -> None:
    """Scores of two models that are not on one scale rank well within folds, not across."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    folds = np.arange(400) // 200
    good = y + rng.normal(0, 0.1, 400) + 10 * folds
    fair = y + rng.normal(0, 0.7, 400)
    stack = np.stack([np.stack([-s, s], axis=1) for s in (good, fair, np.zeros(400))])
    evidence = Evidence(METRICS["roc_auc"], stack, y, folds)
    assert smallest(evidence, stack[0], [9.0, 1.0]) == 0
