from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from autometa import KnowledgeBase
from autometa.learner import Space
from autometa.meta.engine import expert_shares, propose
from autometa.meta.evidence import Evidence
from autometa.meta.kernel import Kernel, fit_kernel
from autometa.meta.levels import LevelMap, level_rate
from autometa.meta.normal import expected_improvement, probability
from autometa.meta.points import Encoder, keys
from autometa.meta.portfolio import greedy
from autometa.meta.prior import Prior
from autometa.meta.regrets import normalised
from autometa.meta.surrogate import Source, Surrogate
from autometa.meta.trust import RUINED, Trust, update
from autometa.meta.weights import n_ordered, order_losses, source_weights

CONFIGS = [{"x": i / 19} for i in range(20)]


def bowls(centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x = np.array([config["x"] for config in CONFIGS])
    return (x[None] - centres[:, None]) ** 2 + 0.001 * rng.random((len(centres), 20))


def test_regret_is_zero_at_the_best_one_at_the_cap_and_for_failures() -> None:
    losses = np.array([1.0, 2.0, 5.0, np.nan])
    regrets = normalised(losses, np.array([False, False, False, True]), baseline=3.0)
    assert regrets.tolist() == [0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("value", [0.0, -3.5, 1e300], ids=["zero", "negative", "huge"])
def test_regret_of_equal_losses_is_zero(value: float) -> None:
    assert normalised(np.full(3, value), np.zeros(3, bool)).tolist() == [0.0, 0.0, 0.0]


def test_regret_ignores_missing_cells() -> None:
    regrets = normalised(np.array([np.nan, 0.0, 1.0]), np.zeros(3, bool))
    assert np.isnan(regrets[0])
    assert regrets[1] == 0.0


def test_normal_probability_agrees_with_the_error_function() -> None:
    from math import erf, sqrt

    z = np.linspace(-5, 5, 101)
    exact = np.array([0.5 * (1 + erf(v / sqrt(2))) for v in z])
    np.testing.assert_allclose(probability(z), exact, atol=2e-7)


def test_expected_improvement_of_a_sure_point_is_its_improvement() -> None:
    scores = expected_improvement(np.array([0.2, 0.9]), np.array([1e-6, 1e-6]), 0.5)
    np.testing.assert_allclose(scores, [0.3, 0.0], atol=1e-6)


def test_encoder_places_inactive_parameters_apart_from_no_value() -> None:
    space = Space(
        {
            "learner": CategoricalDistribution(["a", "b"]),
            "a.rate": FloatDistribution(0.01, 1.0, log=True),
        },
        {"a.rate": ("learner", ("a",))},
    )
    encoder = Encoder(space)
    points = encoder.encode([{"learner": "a", "a.rate": 0.1}, {"learner": "b"}])
    assert encoder.switch == "learner"
    assert encoder.branches(points).tolist() == [1, 2]
    np.testing.assert_allclose(np.abs(points[0] - points[1]).sum(), 1.0)


def test_kernel_fit_finds_the_coordinate_that_matters() -> None:
    rng = np.random.default_rng(0)
    tasks = []
    for _ in range(6):
        X = rng.random((40, 2))
        tasks.append((X, np.sin(6 * X[:, 0] + rng.random())))
    kernel = fit_kernel(tasks, 2)
    assert kernel.rates[0] > 5 * kernel.rates[1]


def test_surrogate_repeats_known_cells_and_guesses_the_others() -> None:
    X = np.linspace(0, 1, 9)[:, None]
    sources = [
        Source(X[::2], np.zeros(5, int), np.sin(3 * X[::2]) + shift, [x.tobytes() for x in X[::2]])
        for shift in (0.0, 0.1)
    ]
    guessed = Surrogate(sources, Kernel(np.array([1.0]), 0.001)).predict(X, np.zeros(9, int))[0]
    np.testing.assert_allclose(guessed[0, ::2], np.sin(3 * X[::2, 0]), atol=0.02)
    np.testing.assert_allclose(guessed[1], np.sin(3 * X[:, 0]) + 0.1, atol=0.08)


def test_surrogate_believes_no_lucky_trial_of_a_task_on_which_nothing_can_be_learned() -> None:
    rng = np.random.default_rng(0)
    X = np.linspace(0, 1, 60)[:, None]
    clear = np.abs(X - 0.3)
    chance = rng.random((60, 1))
    values = [np.column_stack([f, f]) for f in (clear, clear + 0.05, chance)]
    sources = [Source(X, np.zeros(60, int), each, keys(X)) for each in values]
    guessed = Surrogate(sources, Kernel(np.array([1.0]), 0.05)).predict(X, np.zeros(60, int))
    assert guessed[0, 0].argmin() == clear.argmin()
    np.testing.assert_allclose(guessed[0, 0], clear[:, 0], atol=0.05)
    assert guessed[0, 2].min() > chance.min() + 0.2
    np.testing.assert_array_equal(guessed[1, 2], chance[:, 0])


def test_surrogate_leaves_a_table_that_tasks_share_as_it_is() -> None:
    X, rng = np.linspace(0, 1, 60)[:, None], np.random.default_rng(0)
    shared = keys(X)
    values = [rng.random((60, 1)) for _ in range(3)]
    sources = [Source(X, np.zeros(60, int), each, shared) for each in values]
    guessed = Surrogate(sources, Kernel(np.array([1.0]), 0.05)).predict(X, np.zeros(60, int))
    np.testing.assert_array_equal(guessed[0], [each[:, 0] for each in values])


def test_portfolio_prefers_complements_to_runners_up() -> None:
    # The second column is second best for all, the third best where the first fails.
    regrets = np.array([[0.0, 0.05, 0.9], [0.0, 0.05, 0.9], [0.6, 0.6, 0.0]])
    assert greedy(regrets, 2) == [0, 2]


def test_portfolio_takes_two_of_a_branch_among_the_first_five() -> None:
    regrets = np.random.default_rng(0).random((10, 12))
    branches = np.array([0] * 6 + [1] * 3 + [2] * 3)
    _, counts = np.unique(branches[greedy(regrets, 5, branches=branches)], return_counts=True)
    assert counts.max() <= 2


@pytest.mark.parametrize(
    ("losses", "kind"),
    [([0.1, 0.9], "share"), ([-0.9, -0.1], "share"), ([2.0, 30.0], "amount"), ([-5, 3], "rank")],
    ids=["error rate", "accuracy", "squared error", "anything"],
)
def test_level_map_rises_and_knows_the_kind_of_metric(losses: list[float], kind: str) -> None:
    sample = np.linspace(*losses, 50)
    levels = LevelMap.fit(sample)
    assert levels.kind == kind
    assert (np.diff(levels(sample)) > 0).all()
    assert levels(sample).std() == pytest.approx(1.0)


def test_level_rate_is_zero_where_heights_mislead() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat([0, 1], [26, 14])
    regrets = rng.random((40, 6))
    regrets[:, 0] = 0.1
    regrets[groups == 0, 1] = 0.0
    regrets[groups == 1, 2] = 0.0
    telling = np.tile(5.0 * groups[:, None], 6)
    # Every task is at one height with one of the other half alone.
    heights = np.append(np.arange(26.0), np.arange(14.0))
    lying = np.tile(5.0 * heights[:, None], 6)
    assert level_rate(regrets, telling) > 0
    assert level_rate(regrets, lying) == 0.0


def fitted(seed: int = 0, n_tasks: int = 12) -> Prior:
    rng = np.random.default_rng(seed)
    values = bowls(rng.uniform(0.5, 0.8, n_tasks), rng)
    return KnowledgeBase.from_table(CONFIGS, values).prior()


def search(prior: Prior, losses: np.ndarray, budget: int) -> list[int]:
    landscape = prior.landscape_of(CONFIGS)
    tried: list[int] = []
    trust = Trust.start(landscape.n_sources)
    for number in range(budget):
        evidence = Evidence.of(tried, losses[tried])
        tried.append(propose(landscape, evidence, trust, number).index)
        trust = update(trust, landscape, Evidence.of(tried, losses[tried]))
    return tried


def test_engine_finds_a_familiar_optimum_in_four_trials() -> None:
    prior = fitted()
    rng = np.random.default_rng(5)
    for centre in (0.55, 0.65, 0.75):
        losses = bowls(np.array([centre]), rng)[0]
        assert int(losses.argmin()) in search(prior, losses, 4)


def test_engine_proposes_every_point_once_before_any_twice() -> None:
    losses = np.random.default_rng(0).random(20)
    assert sorted(search(fitted(), losses, 20)) == list(range(20))


def test_engine_reads_a_reversed_past_upside_down() -> None:
    prior = fitted()
    landscape = prior.landscape_of(CONFIGS)
    losses = -bowls(np.array([0.65]), np.random.default_rng(3))[0]
    trust = Trust.start(landscape.n_sources)
    tried = search(prior, losses, 12)
    for n in range(1, 13):
        trust = update(trust, landscape, Evidence.of(tried[:n], losses[tried[:n]]))
    weights = trust.weights(landscape, Evidence.of(tried, losses[tried]))
    assert weights[landscape.n_sources :].sum() > 0.5  # it is read upside down
    assert trust.experts[-1] > trust.experts[:-1].sum()
    assert tried.index(int(losses.argmin())) < 8


def test_a_ruined_past_is_not_heard_again() -> None:
    trust = Trust.start(3)
    assert expert_shares(trust.without_past(), 9, has_levels=True).tolist() == [0, 0, 0, 1]
    assert RUINED > 1.0


@pytest.mark.parametrize(
    ("n_sources", "n", "expected"), [(400, 20, 0.2), (10, 20, 0.4), (2, 20, 20 / 26), (2, 2, 0.0)]
)
def test_few_past_tasks_are_soon_outweighed(n_sources: int, n: int, expected: float) -> None:
    shares = expert_shares(Trust.start(n_sources), n, has_levels=True)
    assert shares[-1] == pytest.approx(expected)
    assert shares.sum() == pytest.approx(1.0)


def test_mirror_images_take_over_when_every_pair_is_reversed() -> None:
    landscape = fitted().landscape_of(CONFIGS)
    index = list(range(0, 20, 3))
    losses = 1.0 - landscape.roots.mean[index]
    evidence = Evidence.of(index, losses)
    loss = order_losses(landscape, evidence)
    weights = source_weights(landscape, evidence, loss, n_ordered(evidence))
    assert weights.sum() == pytest.approx(1.0)
    assert weights[landscape.n_sources :].sum() > 0.8


def test_update_needs_only_the_last_observation() -> None:
    landscape = fitted().landscape_of(CONFIGS)
    rng = np.random.default_rng(2)
    index, losses = rng.permutation(20)[:6].tolist(), rng.random(6)
    trust = Trust.start(landscape.n_sources)
    for n in range(1, 7):
        trust = update(trust, landscape, Evidence.of(index[:n], losses[:n]))
    np.testing.assert_allclose(
        trust.order_loss, order_losses(landscape, Evidence.of(index, losses))
    )
    assert trust.n_pairs == 15


def test_pending_points_are_not_proposed_and_shift_the_choice() -> None:
    landscape = fitted().landscape_of(CONFIGS)
    trust = Trust.start(landscape.n_sources)
    first = propose(landscape, Evidence.of([], []), trust, 0).index
    second = propose(landscape, Evidence.of([], [], [first]), trust, 1).index
    assert second != first


@pytest.mark.parametrize("n_tasks", [1, 2, 30])
def test_prior_of_any_number_of_records_proposes(n_tasks: int) -> None:
    assert len(set(search(fitted(n_tasks=n_tasks), np.arange(20.0), 10))) == 10


def test_prior_without_records_is_empty() -> None:
    prior = KnowledgeBase().prior()
    assert prior.n_sources == 0
    assert prior.portfolio(3) == []


def test_prior_is_told_by_its_digest() -> None:
    assert fitted(0).digest == fitted(0).digest
    assert fitted(0).digest != fitted(1).digest


def test_prior_carries_records_into_a_space_and_counts_what_it_cannot() -> None:
    values = [[0.3, 0.1, 0.2]]
    configs = [{"learner": "old"}, {"learner": "a"}, {"learner": "b"}]
    space = Space({"learner": CategoricalDistribution(["a", "b"])})
    prior = KnowledgeBase.from_table(configs, values).prior(space)
    assert [dict(config) for config in prior.configs] == [{"learner": "a"}, {"learner": "b"}]
    assert sum(prior.dropped.values()) == 1
    assert prior.portfolio(1) == [{"learner": "a"}]
