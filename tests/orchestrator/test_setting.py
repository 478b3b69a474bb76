"""The order in which defaults are tried."""

from __future__ import annotations

import pytest

from autometa.learner import LearnerSpec
from autometa.orchestrator.setting import turn
from autometa.plugins import load_plugins


def _spec(name: str, cost: float, *capabilities: str) -> LearnerSpec:
    return LearnerSpec(
        name=name,
        problems=frozenset({"classification"}),
        factory="a:B",
        space="a:b",
        capabilities=frozenset(capabilities),
        cost=cost,
    )


def test_early_models_come_first_then_the_cheap_ones() -> None:
    specs = [_spec("c", 9.0), _spec("b", 2.0), _spec("a", 2.0), _spec("z", 5.0, "first")]
    assert [spec.name for spec in sorted(specs, key=turn)] == ["z", "a", "b", "c"]


@pytest.mark.parametrize(
    ("problem", "names"),
    [
        ("classification", ["logistic", "naive_bayes", "neighbours"]),
        ("regression", ["ridge", "elastic_net", "neighbours"]),
    ],
)
def test_linear_model_is_the_early_one(problem: str, names: list[str]) -> None:
    registry = load_plugins()
    specs = [registry.learners[name].spec for name in registry.default_learners()]
    fitting = [spec for spec in specs if problem in spec.problems]
    assert [spec.name for spec in sorted(fitting, key=turn)][:3] == names
