import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.measure import METRICS, score
from autometa.select.ensemble import choose
from autometa.select.pareto import dominates, front

POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(POINTS)
def test_front_has_no_dominated_member_and_misses_none(points):
    members = front(points)
    for index, point in enumerate(points):
        beaten = any(dominates(other, point) for other in points)
        assert (index in members) != beaten


@given(POINTS, st.randoms(use_true_random=False))
def test_front_does_not_depend_on_order(points, random):
    shuffled = list(points)
    random.shuffle(shuffled)
    assert sorted(points[i] for i in front(points)) == sorted(shuffled[i] for i in front(shuffled))


def noisy(rng, truth, noise):
    return truth + rng.normal(0, noise, len(truth))


def test_ensemble_of_independent_errors_beats_the_best_single():
    rng = np.random.default_rng(0)
    y = rng.normal(size=600)
    candidates = np.stack([noisy(rng, y, 0.5), noisy(rng, y, 0.5), noisy(rng, y, 0.55)])
    folds = np.repeat(np.arange(5), 120)
    weights, value, honest = choose(METRICS["rmse"], candidates, y, folds)
    assert (weights > 0).sum() >= 2
    assert value < score(METRICS["rmse"], y, candidates[0])
    assert honest < score(METRICS["rmse"], y, candidates[0])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["rmse", "mae", "r2"]))
def test_ensemble_is_never_worse_on_the_rows_that_chose_it(seed, name):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=60)
    candidates = np.stack([noisy(rng, y, s) for s in rng.uniform(0.1, 2.0, 4)])
    metric = METRICS[name]
    order = np.argsort([metric.loss(score(metric, y, c)) for c in candidates])
    candidates, folds = candidates[order], np.repeat(np.arange(3), 20)
    weights, value, _ = choose(metric, candidates, y, folds)
    single = np.mean(
        [metric.loss(score(metric, y[folds == k], candidates[0, folds == k])) for k in range(3)]
    )
    assert value <= single + 1e-12
    assert math.isclose(weights.sum(), 1.0)


def test_ensemble_on_random_labels_is_the_best_single_or_honestly_better():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 300)
    p = rng.uniform(0.4, 0.6, (20, 300))
    candidates = np.stack([1 - p, p], axis=2)
    folds = np.repeat(np.arange(5), 60)
    metric = METRICS["log_loss"]
    order = np.argsort([score(metric, y, c) for c in candidates])
    _, value, honest = choose(metric, candidates[order], y, folds)
    assert value == pytest.approx(math.log(2), abs=0.02)
    assert math.isnan(honest) or honest > 0.66


def test_without_time_the_best_single_is_given():
    y = np.arange(30.0)
    candidates = np.stack([y + 1, y - 1])
    weights, _, _ = choose(METRICS["rmse"], candidates, y, np.zeros(30, int), deadline=-math.inf)
    assert weights.tolist() == [1.0, 0.0]
