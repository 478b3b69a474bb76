from __future__ import annotations

from collections.abc import Callable

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from autometa.learner import Space
from autometa.meta.record import Fingerprint, TaskRecord
from autometa.trial import Outcome, TrialResult


@pytest.fixture
def space() -> Space:
    """Two learners: a linear one with one parameter and trees with two."""
    return Space(
        {
            "learner": CategoricalDistribution(("linear", "trees")),
            "linear.alpha": FloatDistribution(1e-3, 10.0, log=True),
            "trees.depth": IntDistribution(1, 10),
            "trees.kind": CategoricalDistribution(("gini", "entropy")),
        },
        {
            "linear.alpha": ("learner", ("linear",)),
            "trees.depth": ("learner", ("trees",)),
            "trees.kind": ("learner", ("trees",)),
        },
        {"trees.kind": "gini", "trees.depth": 5, "linear.alpha": 1.0},
    )


@pytest.fixture
def make_record(space: Space) -> Callable[..., TaskRecord]:
    def make(*configs: dict[str, object], name: str = "past", **header: object) -> TaskRecord:
        trials = [
            TrialResult(
                number=i,
                params=config,  # type: ignore[arg-type]
                outcome=Outcome.COMPLETE,
                values=(0.1 * (i + 1),),
                fold_scores=(0.1, 0.2),
                cost_seconds=1.0,
            )
            for i, config in enumerate(configs or [{"learner": "linear", "linear.alpha": 1.0}])
        ]
        given: dict[str, object] = {
            "name": name,
            "objectives": (("log_loss", "minimize"),),
            "space": space,
            "fingerprint": Fingerprint("c0ffee", tuple(range(64))),
            "created": "2026-01-01T00:00:00+00:00",
        }
        return TaskRecord.from_results(trials, **(given | header))

    return make
