import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autometa.combination import LINEAR, LOGARITHMIC, Combination, Pool, tempered
from autometa.measure import METRICS, score
from autometa.select.calibration import calibrated
from autometa.select.ensemble import LEVELS, SINGLE, choose, proven
from autometa.select.evidence import Evidence
from autometa.select.pools import bagged, greedy, stacked, voting

ALL_POOLS = [greedy, bagged, voting, stacked]


def evidence_of(candidates, y, *, n_folds=5, name="rmse", deadline=math.inf):
    """Gives candidates, best first, with the constant of the other folds behind them."""
    metric, folds = METRICS[name], np.repeat(np.arange(n_folds), -(-len(y) // n_folds))[: len(y)]
    losses = [metric.loss(score(metric, y, c)) for c in candidates]
    others = [folds != fold for fold in range(n_folds)] if n_folds > 1 else [folds == 0]
    k = candidates.shape[2] if candidates.ndim == 3 else 0
    means = [np.eye(k)[y[o]].mean(axis=0) if k else y[o].mean() for o in others]
    constant = np.array(means)[folds]
    predictions = np.concatenate([candidates[np.argsort(losses)], constant[None]])
    return Evidence(metric, predictions, y, folds, deadline)


def noisy(rng, truth, noise):
    return truth + rng.normal(0, noise, len(truth))


def classifiers(rng, y, n, *, sharpness=1.0, skill=1.0):
    """Gives (n, rows, 2) probabilities whose logits hold the truth and independent noise."""
    logits = sharpness * (skill * (2 * y - 1) + rng.normal(0, 1, (n, len(y))))
    p = 1 / (1 + np.exp(-logits))
    return np.stack([1 - p, p], axis=2)


def test_combination_of_independent_errors_beats_the_best_single():
    rng = np.random.default_rng(0)
    y = rng.normal(size=600)
    candidates = np.stack([noisy(rng, y, 0.5), noisy(rng, y, 0.5), noisy(rng, y, 0.55)])
    choice = choose(evidence_of(candidates, y))
    assert choice.name != SINGLE
    assert sum(weight > 0 for weight in choice.combination.member_weights) >= 2
    assert choice.honest < choice.reference
    fresh = rng.normal(size=2000)
    members = [noisy(rng, fresh, s) for s in (0.5, 0.5, 0.55)]
    rmse = METRICS["rmse"]
    assert score(rmse, fresh, choice.combination(members)) < score(rmse, fresh, members[0])


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 10_000), st.sampled_from(["rmse", "mae", "r2"]))
def test_combination_is_never_worse_on_the_rows_that_chose_it(seed, name):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=60)
    candidates = np.stack([noisy(rng, y, s) for s in rng.uniform(0.1, 2.0, 3)])
    evidence = evidence_of(candidates, y, n_folds=3, name=name)
    choice = choose(evidence)
    assert choice.loss <= evidence.loss(evidence.predictions[0]) + 1e-12
    assert choice.loss == evidence.loss(choice.combination.apply(evidence.predictions))


@pytest.mark.parametrize("seed", range(4))
def test_no_combination_beats_chance_on_random_labels(seed):
    rng = np.random.default_rng(seed)
    y, fresh = rng.integers(0, 2, 200), rng.integers(0, 2, 4000)
    choice = choose(evidence_of(classifiers(rng, y, 12, skill=0.0), y, name="log_loss"))
    held_out = choice.combination(list(classifiers(rng, fresh, 12, skill=0.0)))
    log_loss = METRICS["log_loss"]
    assert score(log_loss, fresh, held_out) > math.log(2) - 0.005  # chance
    assert choice.honest > math.log(2) - 0.03


@pytest.mark.parametrize("fit", [greedy, bagged, stacked], ids=lambda fit: fit.__name__)
def test_constant_takes_over_what_knows_nothing(fit):
    """Members that are sure of random labels: no better than the base rate, and hardly worse."""
    rng = np.random.default_rng(3)
    y = (rng.random(250) < 0.3).astype(int)
    evidence = evidence_of(classifiers(rng, y, 8, sharpness=2.0, skill=0.0), y, name="log_loss")
    mixed = Combination((fit(evidence),), evidence.constant).apply(evidence.predictions)
    constant = evidence.loss(evidence.predictions[-1])
    assert evidence.loss(evidence.predictions[0]) > 1.5 * constant
    assert evidence.loss(mixed) < 1.06 * constant


@pytest.mark.parametrize("fit", ALL_POOLS, ids=lambda fit: fit.__name__)
@pytest.mark.parametrize("name", ["log_loss", "accuracy", "rmse", "mae"])
def test_pools_weigh_members_and_nothing_below_zero(fit, name):
    rng = np.random.default_rng(4)
    if METRICS[name].problems == {"classification"}:
        y = rng.integers(0, 2, 120)
        candidates = classifiers(rng, y, 5)
    else:
        y = rng.normal(size=120)
        candidates = np.stack([noisy(rng, y, s) for s in (0.5, 0.6, 0.7)])
    pool = fit(evidence_of(candidates, y, name=name))
    assert len(pool.weights) == len(candidates) + 1
    assert min(pool.weights) >= 0
    assert sum(pool.weights[:-1]) > 0
    if pool.kind == LINEAR and not pool.bias:
        assert sum(pool.weights) == pytest.approx(1.0)


def test_greedy_on_the_quick_path_chooses_as_on_whole_predictions():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 150)
    evidence = evidence_of(classifiers(rng, y, 6), y, name="log_loss")
    view, losses = evidence.linear()
    whole = [evidence.loss(p) for p in evidence.predictions]
    np.testing.assert_allclose(losses(view), whole, rtol=1e-6)


def test_temperature_cools_overconfident_probabilities():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 2, 1500)
    honest = classifiers(rng, y, 1, sharpness=2.0)  # logit 2 * (±1 + noise): calibrated
    sharp = tempered(honest[0], 0.5)[None]
    evidence = evidence_of(sharp, y, name="log_loss")
    single = Combination.average([1.0, 0.0], evidence.constant)
    assert calibrated(single, evidence).temperature == pytest.approx(2.0, rel=0.15)
    choice = choose(evidence)
    assert choice.combination.temperature != 1.0 or choice.combination.pools[0].kind == LOGARITHMIC
    assert choice.honest < choice.reference


def test_accuracy_asks_for_no_temperature():
    rng = np.random.default_rng(7)
    y = rng.integers(0, 2, 300)
    choice = choose(evidence_of(classifiers(rng, y, 4), y, name="accuracy"))
    assert choice.combination.temperature == 1.0


def test_single_fold_is_split_for_the_comparison():
    rng = np.random.default_rng(8)
    y = rng.normal(size=300)
    candidates = np.stack([noisy(rng, y, 0.5), noisy(rng, y, 0.5)])
    choice = choose(evidence_of(candidates, y, n_folds=1))
    assert math.isfinite(choice.honest)
    assert choice.honest < choice.reference


@pytest.mark.parametrize(
    ("gains", "taken"),
    [
        ([0.1, -0.1, 0.1, -0.1, 0.1], LEVELS),  # better in the mean, by luck
        ([0.1, 0.1, 0.1, 0.1, 0.09], "stacked"),
        ([-0.1, -0.1, -0.1, -0.1, -0.1], LEVELS),
    ],
)
def test_favourite_is_taken_unless_another_is_better_beyond_luck(gains, taken):
    losses = np.full(5, 0.5)
    held_out = {SINGLE: losses + 0.2, "stacked": losses - gains, LEVELS: losses}
    assert proven(held_out, LEVELS) == taken


def test_without_the_favourite_the_least_mean_is_taken_and_the_single_one_if_it_is_as_good():
    losses = np.full(5, 0.5)
    assert proven({SINGLE: losses, "greedy": losses - [0.1, 0, 0, 0, 0]}) == "greedy"
    assert proven({SINGLE: losses, "greedy": losses}) == SINGLE
    assert proven({SINGLE: losses, LEVELS: losses + np.inf}, LEVELS) == SINGLE
    assert proven({SINGLE: losses, "greedy": losses + 1}, LEVELS) == SINGLE


def test_few_noisy_rows_do_not_make_the_luckiest_candidate_the_model():
    """Forty equal candidates: the best of them on 80 rows is no better than the others."""
    better = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        y, fresh = rng.integers(0, 2, 80), rng.integers(0, 2, 2000)
        bias = rng.normal(0, 1, (40, 1, 1))

        def candidates(labels, rng=rng, bias=bias):
            p = classifiers(rng, labels, 40, skill=0.3)
            logits = np.log(p) + bias * [1, -1]
            return np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)

        held_out, later = candidates(y), candidates(fresh)
        order = np.argsort(
            [METRICS["log_loss"].loss(score(METRICS["log_loss"], y, p)) for p in held_out]
        )
        choice = choose(evidence_of(held_out, y, name="log_loss"))
        assert choice.name != SINGLE
        found, alone = choice.combination(list(later[order])), later[order[0]]
        losses = [score(METRICS["log_loss"], fresh, p) for p in (found, alone)]
        better.append(losses[0] < losses[1])
    assert all(better)


def test_without_time_the_best_single_is_given():
    y = np.arange(30.0)
    candidates = np.stack([y + 1, y - 1])
    choice = choose(evidence_of(candidates, y, n_folds=1, deadline=-math.inf))
    assert choice.name == SINGLE
    assert choice.combination.member_weights == (1.0, 0.0)
    assert math.isnan(choice.honest)


def test_combination_survives_json_and_loses_idle_members_only():
    pools = (
        Pool(LINEAR, (0.0, 0.6, 0.2, 0.2), share=0.5),
        Pool(LOGARITHMIC, (0.0, 0.9, 0.0, 0.1), (0.1, -0.1), share=0.5),
    )
    combination = Combination(pools, (0.3, 0.7), 1.5)
    rng = np.random.default_rng(9)
    members = list(rng.dirichlet([1, 1], (3, 7)))
    kept, smaller = combination.without_idle()
    assert kept == [1, 2]
    again = Combination.from_json(json.loads(json.dumps(smaller.to_json())))
    np.testing.assert_allclose(again([members[i] for i in kept]), combination(members))
    np.testing.assert_allclose(combination(members).sum(axis=1), 1.0)


def test_levels_are_the_mean_of_all_pools():
    first, second = Pool(LINEAR, (1.0, 0.0, 0.0), share=0.5), Pool(LINEAR, (0.0, 1.0, 0.0), (), 0.5)
    combination = Combination((first, second), (0.0,))
    assert combination([np.array([1.0]), np.array([3.0])]).tolist() == [2.0]
    assert LEVELS == "levels"


def test_logarithmic_pool_is_the_normalised_geometric_mean():
    p, q = np.array([[0.9, 0.1]]), np.array([[0.5, 0.5]])
    pool = Pool(LOGARITHMIC, (0.5, 0.5, 0.0))
    expected = np.sqrt(p * q) / np.sqrt(p * q).sum()
    np.testing.assert_allclose(pool(np.stack([p, q, q])), expected)
