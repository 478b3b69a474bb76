"""Labels for rows without a target: against closed forms, and round by round."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autometa.errors import NotApplicable
from autometa.learner import FitContext, TrainingData
from autometa.pseudolabels import (
    add_pseudo_labels,
    label_spreading,
    neighbour_graph,
    self_training,
    spread,
    with_labels,
)


def context(deadline: float = float("inf")) -> FitContext:
    return FitContext(np.random.default_rng(0), deadline)


def training(values: list[float], classes: list[int]) -> TrainingData:
    return TrainingData(pd.DataFrame({"a": values}), np.array(classes), 2, names=("no", "yes"))


def rows(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"a": values})


@dataclass
class Reach:
    """Fits what is sure of the rows within 1.5 of a row of class 1, and of those below 0."""

    seen: list[list[float]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)

    def __call__(self, data: TrainingData, given: FitContext) -> Any:
        self.seen.append(sorted(data.X["a"]))
        self.deadlines.append(given.deadline)
        self.known = data.X["a"].to_numpy()[data.y == 1]
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray[Any, Any]:
        a = X["a"].to_numpy()
        near = np.abs(a[:, None] - self.known[None, :]).min(axis=1) <= 1.5
        p = np.where(near, 0.95, np.where(a < 0, 0.02, 0.5))
        return np.column_stack([1 - p, p])


def test_self_training_reaches_further_every_round_until_nothing_changes() -> None:
    reach = Reach()
    found, classes = self_training(
        training([-1.0, 0.0], [0, 1]),
        rows([1.0, 2.0, 3.0, 9.0, -5.0]),
        {"threshold": 0.9, "rounds": 4},
        fit=reach,
        context=context(),
    )
    assert reach.seen == [
        [-1.0, 0.0],
        [-5.0, -1.0, 0.0, 1.0],
        [-5.0, -1.0, 0.0, 1.0, 2.0],
        [-5.0, -1.0, 0.0, 1.0, 2.0, 3.0],
    ]
    assert (found.tolist(), classes.tolist()) == ([0, 1, 2, 4], [1, 1, 1, 0])


def test_self_training_takes_a_label_back() -> None:
    answers = [[[0.05, 0.95], [0.05, 0.95]], [[0.95, 0.05], [0.5, 0.5]]]

    class Changing:
        def predict(self, X: pd.DataFrame) -> np.ndarray[Any, Any]:
            return np.array(answers.pop(0))

    found, classes = self_training(
        training([0.0, 1.0], [0, 1]),
        rows([2.0, 3.0]),
        {"threshold": 0.9, "rounds": 2},
        fit=lambda data, given: Changing(),  # type: ignore[arg-type, return-value]
        context=context(),
    )
    assert (found.tolist(), classes.tolist()) == ([0], [0])


def test_self_training_without_a_sure_row_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match=r"with a probability of 0\.97"):
        self_training(
            training([-1.0, 0.0], [0, 1]),
            rows([1.0]),
            {"threshold": 0.97, "rounds": 2},
            fit=Reach(),
            context=context(),
        )


def test_self_training_leaves_each_fit_its_share_of_the_time() -> None:
    reach, started = Reach(), time.monotonic()
    self_training(
        training([-1.0, 0.0], [0, 1]),
        rows([1.0, 2.0]),
        {"threshold": 0.9, "rounds": 2},
        fit=reach,
        context=context(started + 90),
    )
    assert [end - started for end in reach.deadlines] == pytest.approx([30, 45], abs=4)


def test_labelled_rows_stand_behind_the_training_rows() -> None:
    data = training([-1.0, 0.0], [0, 1])
    more = with_labels(data, rows([5.0, 6.0, 7.0]), (np.array([0, 2]), np.array([1, 0])))
    assert more.X["a"].tolist() == [-1.0, 0.0, 5.0, 7.0]
    assert more.y.tolist() == [0, 1, 1, 0]
    assert (len(data), more.names) == (2, data.names)


def test_spread_is_the_closed_form_of_the_paper() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3))
    graph = neighbour_graph(points, 5)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    near = np.argsort(distances, axis=1)[:, 1:6]
    weights = np.zeros((40, 40))
    for row, others in enumerate(near):
        weights[row, others] = weights[others, row] = 1.0
    degrees = weights.sum(axis=1)
    scaled = weights / np.sqrt(np.outer(degrees, degrees))
    seeds = np.zeros((40, 2))
    seeds[:2, :2] = np.eye(2)
    exact = 0.1 * np.linalg.solve(np.eye(40) - 0.9 * scaled, seeds)
    np.testing.assert_allclose(graph.toarray(), scaled, atol=1e-12)
    np.testing.assert_allclose(spread(graph, seeds, 0.9), exact, atol=1e-4)


def test_labels_spread_along_two_moons_and_the_surest_are_taken() -> None:
    angle = np.linspace(0, np.pi, 60)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.4 - np.sin(angle)])
    moons = pd.DataFrame(np.vstack([upper, lower]), columns=["a", "b"])
    data = TrainingData(moons.iloc[[0, 119]], np.array([0, 1]), 2)
    truth = np.repeat([0, 1], 60)
    config = {"neighbours": 4, "alpha": 0.95, "share": 1.0}
    found, classes = label_spreading(data, moons, config, context())
    assert found.tolist() == list(range(120))
    assert classes.tolist() == truth.tolist()
    half, same = label_spreading(data, moons, {**config, "share": 0.5}, context())
    assert len(half) == 60
    assert same.tolist() == truth[half].tolist()


def test_rows_that_no_training_row_reaches_get_no_label() -> None:
    data = training([0.0, 0.1, 0.2, 0.3], [0, 0, 1, 1])
    far = rows([0.05, 50.0, 50.1, 50.2])
    found, _ = label_spreading(data, far, {"neighbours": 1, "alpha": 0.5, "share": 1.0}, context())
    assert found.tolist() == [0]
    with pytest.raises(NotApplicable, match="near one that has it"):
        label_spreading(
            data, far.iloc[1:], {"neighbours": 1, "alpha": 0.5, "share": 1.0}, context()
        )


def test_images_are_not_spread_over_and_no_rows_change_nothing() -> None:
    images = np.zeros((4, 3, 3, 1), dtype=np.uint8)
    data = TrainingData(images, np.array([0, 1, 0, 1]), 2)
    labelling = {"way": "label_spreading", "config": {"neighbours": 3, "alpha": 0.5, "share": 1.0}}
    payload = {"labelling": labelling}
    with pytest.raises(NotApplicable, match="rows of a table"):
        add_pseudo_labels(payload, data, images, context())
    assert add_pseudo_labels(payload, data, images[:0], context()) is data
