"""What a new study may learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution

from autometa.learner import Space
from autometa.meta.extension import Extension
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import TaskRecord
from autometa.orchestrator import Result
from autometa.orchestrator.status import read_status
from autometa.task import Task
from autometa.trial import Outcome, TrialResult

Run = Callable[..., Result]


LEARNERS = ("slope", "logistic")


def past(metric: str, n: int) -> KnowledgeBase:
    """Tasks that tried both learners."""
    space = Space({"learner": CategoricalDistribution(LEARNERS)})
    trials = [
        TrialResult(number=i, params={"learner": name}, outcome=Outcome.COMPLETE, values=(0.5,))
        for i, name in enumerate(LEARNERS)
    ]
    return KnowledgeBase(
        TaskRecord.from_results(
            trials, name=f"past-{i}", objectives=((metric, "minimize"),), space=space
        )
        for i in range(n)
    )


@pytest.mark.parametrize(
    ("metric", "n_sources"), [("log_loss", 1), ("rmse", 0), ("of_somebody", 1)]
)
def test_only_records_that_may_be_of_the_same_problem_count(
    run: Run, metric: str, n_sources: int
) -> None:
    known = past(metric, 1)
    result = run(1, options={"open_knowledge": lambda: known})
    assert len(result.report["prior"]["sources"]) == n_sources


@pytest.mark.parametrize(("n_past", "n_defaults"), [(1, 2), (3, 1)])
def test_learners_that_few_past_tasks_know_start_with_their_default(
    run: Run, n_past: int, n_defaults: int
) -> None:
    options: dict[str, Any] = {"open_knowledge": lambda: past("log_loss", n_past)}
    result = run(4, options=options, search={"learners": [*LEARNERS], "compressors": []})
    proposers = [trial.proposer for trial in result.trials]
    assert proposers.count("default") == n_defaults


def test_points_beyond_the_grid_stay_in_range(tmp_path: Path) -> None:
    configs = [{"x": i / 9} for i in range(10)]
    values = [[abs(c["x"] - best) ** 3 for c in configs] for best in (0.0, 0.1, 0.9)]
    prior = KnowledgeBase.from_table(configs, values).prior()
    points = np.linspace(-1.0, 2.0, 50)[:, None].repeat(prior.grid.points.shape[1], axis=1)
    further = Extension(prior.grid).extended(points)
    assert further.roots.values.min() >= 0.0
    assert further.roots.values.max() <= 1.0


def test_status_says_who_proposed_what_was_expected_and_estimates_the_gain(
    run: Run, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    opens = {"open_knowledge": lambda: KnowledgeBase.open("own", own=own)}
    for record in past("log_loss", 3):
        record.write(own)
    result = run(5, options=opens)
    content = {"name": "small", "data": {"source": "table.csv", "target": "label"}}
    task = Task.from_json(content, path=tmp_path / "task.yaml")
    status = read_status(task, tmp_path / ".autometa" / "studies" / "small")
    gain = status["prior"]["gain"]
    assert gain == result.report["prior"]["gain"]
    assert gain["is_estimate"] is True
    assert status["prior"]["sources"] == ["past-0", "past-1", "past-2"]
    why = [row["prior"] for row in status["history"]]
    assert why[0] is None  # the default
    assert {"expert", "sources", "experts", "expected_regret", "expected_value"} <= set(why[1])
