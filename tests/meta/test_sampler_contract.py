"""Optuna's own tests of samplers, with and without past tasks."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

from autometa import KnowledgeBase, PriorSampler

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

# The names and values that Optuna's tests ask for, some outside the ranges that they ask for.
_CONFIGS = [
    {"x": 0.5, "y": 3, "a": 1},
    {"x": 4, "y": 0.25},
    {"x": "a", "category": "x", "z": 0.5},
    {"x": True, "y": 0.75},
]
_PAST = [[0.3, 0.1, 0.5, 0.4], [0.2, 0.3, 0.4, 0.1], [0.6, 0.1, 0.2, 0.3]]


@pytest.fixture(params=["nothing", "past tasks"])
def sampler(request: pytest.FixtureRequest) -> Callable[[], BaseSampler]:
    knowledge = KnowledgeBase()
    if request.param == "past tasks":
        knowledge = KnowledgeBase.from_table(_CONFIGS, _PAST)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("error", optuna.exceptions.ExperimentalWarning)
        return lambda: PriorSampler(knowledge, seed=1)


class TestPriorSamplerBasics(BasicSamplerTestCase):
    @pytest.fixture
    def sampler(self, sampler: Callable[[], BaseSampler]) -> Callable[[], BaseSampler]:
        return sampler


class TestPriorSamplerRelative(RelativeSamplerTestCase):
    @pytest.fixture
    def sampler(self, sampler: Callable[[], BaseSampler]) -> Callable[[], BaseSampler]:
        return sampler


class TestPriorSamplerObjectives(MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self, sampler: Callable[[], BaseSampler]) -> Callable[[], BaseSampler]:
        return sampler
