import math
from dataclasses import replace

import numpy as np
import pytest

from autometa.combination import LINEAR, LOGARITHMIC, Combination, Pool
from autometa.measure import METRICS, score
from autometa.select import slimming
from autometa.select.ensemble import FAVOURITES, choose
from autometa.select.evidence import Evidence
from autometa.select.slimming import TOLERANCE, divergence, slimmed
from autometa.select.strategies import fit_all

METRIC_NAMES = ["log_loss", "rmse"]
N_FOLDS = 5


def sample(rng, name, n_rows, *, n_kinds=6, n_each=4, own=0.15):
    """Gives predictions, (c, n) or (c, n, 2), of kinds that err alike, and the noisy truth."""
    signal = rng.normal(size=n_rows)
    kinds = np.linspace(0.3, 0.6, n_kinds)[:, None] * rng.normal(size=(n_kinds, n_rows))
    members = signal + np.repeat(kinds, n_each, axis=0)
    members += own * rng.normal(size=members.shape)
    if name == "rmse":
        return members, signal + rng.normal(size=n_rows)
    p = 1 / (1 + np.exp(-2 * members))
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-2 * signal))).astype(int)
    return np.stack([1 - p, p], axis=2), y


def evidence_of(members, y, name, *, deadline=math.inf):
    constant = np.full(members.shape[1:], y.mean() if name == "rmse" else 0.5)
    folds = np.arange(len(y)) * N_FOLDS // len(y)
    evidence = Evidence(METRICS[name], np.stack([*members, constant]), y, folds, deadline)
    order = np.argsort([evidence.loss(member) for member in members])
    return evidence.of_members(order), order


def whole_of(evidence):
    """Gives the favourite of the metric, as it was fitted."""
    return fit_all([evidence])[FAVOURITES[evidence.metric.name]][0]


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_chosen_combination_has_half_the_members_and_nearly_all_of_the_gain(name):
    rng = np.random.default_rng(1)
    evidence, order = evidence_of(*sample(rng, name, 400), name)
    whole, choice = whole_of(evidence), choose(evidence)
    assert choice.name == FAVOURITES[name]
    assert 1 < len(choice.combination.members) <= len(whole.members) / 2
    members, y = sample(rng, name, 4000)
    metric = METRICS[name]
    slim_loss, whole_loss, single_loss = (
        metric.loss(score(metric, y, predictions))
        for predictions in (
            choice.combination(list(members[order])),
            whole(list(members[order])),
            members[order[0]],
        )
    )
    assert slim_loss - whole_loss < 0.2 * (single_loss - whole_loss)


@pytest.mark.parametrize("name", METRIC_NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_slim_combination_says_what_the_whole_says(name, seed):
    evidence, _ = evidence_of(*sample(np.random.default_rng(seed), name, 200), name)
    whole = whole_of(evidence)
    slim = slimmed(whole, evidence)
    assert set(slim.members) < set(whole.members)
    assert slim.fault(evidence.n_members, 0 if name == "rmse" else 2) == ""
    said = [c.apply(evidence.predictions) for c in (slim, whole)]
    limit = TOLERANCE * evidence.loss(evidence.predictions[-1])
    assert divergence(*said, evidence.y) <= limit
    assert slimmed(whole, evidence) == slim


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_of_equal_members_one_is_left(name):
    rng = np.random.default_rng(1)
    evidence, _ = evidence_of(*sample(rng, name, 150, n_kinds=1, n_each=5, own=0.0), name)
    whole = whole_of(evidence)
    assert len(whole.members) > 1
    slim = slimmed(whole, evidence)
    assert len(slim.members) == 1
    said = [c.apply(evidence.predictions) for c in (slim, whole)]
    np.testing.assert_allclose(*said, atol=0.05)


def test_members_that_say_a_constant_are_no_trouble():
    y = np.random.default_rng(5).normal(size=60)
    evidence, _ = evidence_of(np.full((4, 60), [[0.0], [0.1], [0.2], [0.3]]), y, "rmse")
    assert len(slimmed(whole_of(evidence), evidence).members) == 1


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_nothing_is_left_out_when_all_members_matter(name, monkeypatch):
    monkeypatch.setattr(slimming, "TOLERANCE", 0.0)
    evidence, _ = evidence_of(*sample(np.random.default_rng(2), name, 200, n_each=1), name)
    whole = whole_of(evidence)
    assert slimmed(whole, evidence) == whole


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_without_time_the_whole_is_left_as_it_is(name):
    evidence, _ = evidence_of(*sample(np.random.default_rng(3), name, 100), name)
    whole = whole_of(evidence)
    assert slimmed(whole, replace(evidence, deadline=-math.inf)) == whole


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_what_is_worse_without_its_members_beyond_luck_keeps_them(name, monkeypatch):
    monkeypatch.setattr(slimming, "TOLERANCE", math.inf)  # a single member is left
    evidence, _ = evidence_of(*sample(np.random.default_rng(4), name, 2000, n_each=1), name)
    choice = choose(evidence)
    whole = fit_all([evidence])[choice.name][0]
    assert len(slimmed(whole, evidence).members) == 1
    assert choice.combination == whole


def test_divergence_of_probabilities_is_kullback_and_leiblers():
    whole, part = np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([[0.6, 0.4], [0.5, 0.5]])
    expected = (0.8 * math.log(0.8 / 0.6) + 0.2 * math.log(0.2 / 0.4)) / 2
    assert divergence(part, whole, np.array([0, 1])) == pytest.approx(expected)
    assert divergence(whole, whole, np.array([0, 1])) == 0


def test_divergence_of_values_is_what_an_independent_error_adds_to_the_rmse():
    y = np.array([3.0, -3.0, 3.0, -3.0])
    whole = 2 * y
    part = whole + np.array([4, 4, -4, -4])  # errors of 3 and 4, the sides of a right angle
    assert divergence(part, whole, y) == pytest.approx(5 - 3)
    assert score(METRICS["rmse"], y, part) == pytest.approx(5)


def test_without_members_the_rest_keeps_its_proportions():
    pools = (
        Pool(LINEAR, (0.5, 0.1, 0.2, 0.2), share=0.5),
        Pool(LOGARITHMIC, (0.6, 0.6, 0.0, 0.3), (0.1, -0.1), share=0.25),
        Pool(LINEAR, (0.0, 1.0, 0.0, 0.0), share=0.25),
    )
    part = Combination(pools, (0.5, 0.5), 1.5).without([1])
    assert part.members == [0, 2]
    assert [pool.share for pool in part.pools] == pytest.approx([2 / 3, 1 / 3])
    assert part.pools[0].weights == pytest.approx((0.5 / 0.9, 0, 0.2 / 0.9, 0.2 / 0.9))
    assert part.pools[1].weights == pytest.approx((1.0, 0, 0, 0.5))
    assert part.pools[1].bias == (0.1, -0.1)
    assert part.temperature == 1.5
