"""What past trials would have broken today's bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from autometa.learner import Space
from autometa.meta.feasible import Bounds
from autometa.meta.knowledge import KnowledgeBase
from autometa.meta.record import Machine, TaskRecord
from autometa.trial import Outcome, TrialResult

SMALL = {"learner": "linear", "linear.alpha": 1.0}
LARGE = {"learner": "trees", "trees.depth": 5, "trees.kind": "gini"}
FILE = {"load_ms": 1.0}


def past(
    space: Space, small: Mapping[str, float], large: Mapping[str, float], **header: Any
) -> TaskRecord:
    """A task on which the large model was the better one."""
    trials = [
        TrialResult(
            number=number, params=params, outcome=Outcome.COMPLETE, values=(loss,), metrics=metrics
        )
        for number, (params, loss, metrics) in enumerate([(SMALL, 0.2, small), (LARGE, 0.1, large)])
    ]
    objectives = (("log_loss", "minimize"),)
    return TaskRecord.from_results(
        trials, name="past", objectives=objectives, space=space, **header
    )


def first(record: TaskRecord, bounds: Bounds) -> object:
    return KnowledgeBase([bounds.applied(record)]).prior().portfolio(1)[0]["learner"]


@pytest.mark.parametrize(
    ("bounds", "learner"),
    [
        (Bounds(), "trees"),
        (Bounds({"size_kib": 64.0}, of_file=True), "linear"),
        (Bounds({"size_kib": 900.0}, of_file=True), "trees"),
        (Bounds({"size_kib": 64.0}), "trees"),
        (Bounds({"gzip_kib": 64.0}, of_file=True), "trees"),
    ],
    ids=["none", "broken", "kept", "of another kind", "not measured"],
)
def test_what_broke_a_bound_is_not_proposed(space: Space, bounds: Bounds, learner: str) -> None:
    record = past(space, FILE | {"size_kib": 3.0}, {"size_kib": 500.0})
    assert first(record, bounds) == learner


@pytest.mark.parametrize(
    ("there", "here", "learner"),
    [(0.02, 0.02, "linear"), (0.02, 0.005, "trees"), (0.0, 0.005, "linear")],
    ids=["as fast", "four times as fast", "unknown"],
)
def test_latency_is_read_in_this_machines_time(
    space: Space, there: float, here: float, learner: str
) -> None:
    machine = Machine("of others", there) if there else Machine()
    record = past(space, FILE | {"latency_ms": 0.01}, FILE | {"latency_ms": 0.3}, machine=machine)
    assert first(record, Bounds({"latency_ms": 0.2}, of_file=True, seconds=here)) == learner


def test_everything_else_of_a_record_stays(space: Space) -> None:
    record = past(space, FILE | {"size_kib": 3.0}, {"size_kib": 500.0})
    applied = Bounds({"size_kib": 64.0}, of_file=True).applied(record)
    assert applied.outcomes == (Outcome.COMPLETE, Outcome.ERROR)
    assert applied.configs == record.configs
    assert record.outcomes == (Outcome.COMPLETE, Outcome.COMPLETE)
    assert TaskRecord.from_bytes(applied.to_bytes()) == applied
