from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.learner import Space
from autometa.meta.gain import draw, gain
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.mapping import validate

CONFIGS = [{"x": i / 49} for i in range(50)]


def past(centres: list[float]) -> KnowledgeBase:
    x = np.array([config["x"] for config in CONFIGS])
    return KnowledgeBase.from_table(CONFIGS, [np.abs(x - centre) for centre in centres])


def test_good_point_on_past_tasks_is_worth_many_random_trials() -> None:
    prior = past([0.48, 0.5, 0.52]).prior()
    good, bad = gain(prior, [{"x": 0.5}]), gain(prior, [{"x": 0.9}])
    assert good is not None
    assert bad is not None
    assert good["is_estimate"] is True
    # A tenth of the range or so is as near as the surrogate can tell.
    assert good["cold_trials"] > 5
    assert bad["cold_trials"] < 2
    assert good["interval"][0] <= good["cold_trials"] <= good["interval"][1]
    assert "an estimate" in good["text"]


def test_further_trials_never_lower_what_was_reached() -> None:
    prior = past([0.2, 0.5, 0.8]).prior()
    one, two = gain(prior, [{"x": 0.9}]), gain(prior, [{"x": 0.9}, {"x": 0.5}])
    assert one is not None
    assert two is not None
    assert two["cold_trials"] >= one["cold_trials"]


def test_more_past_tasks_than_are_asked_change_little() -> None:
    few, many = past([0.5] * 3).prior(), past([0.5] * 60).prior()
    one, two = gain(few, [{"x": 0.5}]), gain(many, [{"x": 0.5}])
    assert one is not None
    assert two is not None
    assert two["cold_trials"] == pytest.approx(one["cold_trials"], rel=0.5)


@pytest.mark.parametrize("configs", [[], [{"x": 0.5}]], ids=["no trial", "no past"])
def test_nothing_to_compare_gives_no_gain(configs: list[dict[str, float]]) -> None:
    knowledge = KnowledgeBase() if configs else past([0.5, 0.6])
    assert gain(knowledge.prior(), configs) is None


def test_drawn_configurations_are_valid_and_cover_the_space() -> None:
    space = Space(
        {
            "learner": CategoricalDistribution(("a", "b")),
            "a.rate": FloatDistribution(1e-3, 10.0, log=True),
            "a.share": FloatDistribution(0.0, 0.9, step=0.3),
            "b.depth": IntDistribution(1, 64, log=True),
            "b.width": IntDistribution(2, 11, step=3),
        },
        {
            "a.rate": ("learner", ("a",)),
            "a.share": ("learner", ("a",)),
            "b.depth": ("learner", ("b",)),
            "b.width": ("learner", ("b",)),
        },
    )
    rng = np.random.default_rng(0)
    drawn = [draw(space, rng) for _ in range(400)]
    assert all(validate(config, space) for config in drawn)
    assert {c["b.width"] for c in drawn if "b.width" in c} == {2, 5, 8, 11}
    depths = [c["b.depth"] for c in drawn if "b.depth" in c]
    assert 5 < np.median(depths) < 13  # the middle of a logarithmic scale
