from __future__ import annotations

from typing import Any

import pytest

from autometa.task import Task
from autometa.taskdiff import Effect, diff


def minimal(**changes: Any) -> Task:
    data = {"name": "a", "data": {"source": "a.csv", "target": "y"}}
    return Task.from_json({**data, **changes})


def test_diff_of_equal_tasks_is_empty() -> None:
    assert diff(minimal(), minimal()) == []


@pytest.mark.parametrize(
    ("changes", "key", "effect"),
    [
        ({"budget": {"trials": 500, "seconds": 60}}, "budget.trials", Effect.HARMLESS),
        ({"limits": {"workers": 8}}, "limits.workers", Effect.HARMLESS),
        ({"tracking": "none"}, "tracking", Effect.HARMLESS),
        ({"limits": {"threads_per_trial": 4}}, "limits.threads_per_trial", Effect.SEARCH),
        ({"data": {"source": "b.csv", "target": "y"}}, "data.source", Effect.SEARCH),
        ({"objectives": ["f1"]}, "objectives", Effect.SEARCH),
        ({"constraints": {"size_kib": 5}}, "constraints.size_kib", Effect.SEARCH),
        ({"validation": {"folds": 3}}, "validation.folds", Effect.SEARCH),
        ({"search": {"learners": ["a"]}}, "search.learners", Effect.SEARCH),
        ({"seed": 1}, "seed", Effect.SEARCH),
        ({"problem": "regression"}, "problem", Effect.SEARCH),
    ],
)
def test_fault_92_diff_tells_what_breaks_a_search(
    changes: dict[str, Any], key: str, effect: Effect
) -> None:
    found = diff(minimal(), minimal(**changes))
    assert [(change.key, change.effect) for change in found] == [(key, effect)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 7}, "seed: 0 -> 7"),
        ({"validation": {"folds": 3}}, "validation.folds: null -> 3"),
        ({"problem": "regression"}, "problem: auto -> regression"),
        ({"search": {"learners": ["ä"]}}, 'search.learners: null -> ["ä"]'),
    ],
)
def test_change_reads_as_the_task_file_would_say_it(changes: dict[str, Any], said: str) -> None:
    (change,) = diff(minimal(), minimal(**changes))
    assert str(change) == said
