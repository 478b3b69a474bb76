"""The strength of a penalty that inner folds choose."""

from __future__ import annotations

import numpy as np
import pytest
from autometa_tabular.learners.logistic import Logistic
from autometa_tabular.solvers import strength
from autometa_tabular.solvers.penalised import Problem, Solution, lbfgs
from autometa_tabular.solvers.strength import GRID, MAX_ROWS, chosen_c

from autometa import FitContext, TrainingData
from autometa.schema import Schema


def never() -> bool:
    return False


def labels(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.eye(2)[(rng.random(len(logits)) < 1 / (1 + np.exp(-logits))).astype(int)]


def c_of(Z: np.ndarray, Y: np.ndarray, seed: int = 0) -> float:
    return chosen_c(Z.astype(np.float32), Y, np.ones(len(Z)), np.random.default_rng(seed), never)


def test_noise_gets_a_strong_penalty_and_a_clear_rule_a_weak_one() -> None:
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(200, 30))
    assert c_of(Z, labels(np.zeros(200), rng)) <= 0.01
    assert c_of(Z, labels(20 * Z[:, 0], rng)) >= 1.0
    assert c_of(Z, labels(Z[:, :10].sum(axis=1) / 3, rng)) in GRID


def test_choice_does_not_depend_on_the_process_but_on_the_seed() -> None:
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(120, 8))
    Y = labels(Z[:, 0], rng)
    assert {c_of(Z, Y) for _ in range(3)} == {c_of(Z, Y)}


@pytest.mark.parametrize("n", [2, 3, 9])
def test_few_rows_and_rare_classes_are_no_obstacle(n: int) -> None:
    Z = np.random.default_rng(0).normal(size=(n, 3))
    Y = np.eye(3)[np.arange(n) % 2]
    Y[0] = [0.0, 0.0, 1.0]  # a class with a single row
    assert c_of(Z, Y) > 0


def test_late_choice_is_the_usual_one() -> None:
    Z = np.random.default_rng(0).normal(size=(50, 3))
    Y = np.eye(2)[np.arange(50) % 2]
    late = chosen_c(Z, Y, np.ones(50), np.random.default_rng(0), lambda: True)
    assert late == 1.0


def test_many_rows_are_asked_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def seen(problem: Problem, alpha: float, **more: object) -> Solution:
        sizes.append(problem.Z.shape[0])
        return lbfgs(problem, alpha, **more)

    monkeypatch.setattr(strength, "lbfgs", seen)
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(20_000, 20))
    assert c_of(Z, labels(Z[:, 0], rng)) in GRID
    assert max(sizes) < MAX_ROWS


@pytest.mark.parametrize("soft", [False, True])
def test_default_is_better_than_a_given_strength_where_columns_are_noise(soft: bool) -> None:
    import pandas as pd

    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(2_000, 60)), columns=[f"c{i}" for i in range(60)])
    Y = labels(X["c0"].to_numpy(), rng)
    schema = Schema.infer(X)
    y = Y if soft else Y.argmax(axis=1)
    train = TrainingData(schema.apply(X.iloc[:150]), y[:150], 2)
    test = schema.apply(X.iloc[150:].reset_index(drop=True))

    def loss(**config: object) -> float:
        model = Logistic(config).fit(train, FitContext(rng=np.random.default_rng(0)))
        return float(-np.log(model.predict(test)[Y[150:].astype(bool)]).mean())

    assert loss() < loss(penalty="l2") - 0.1
    assert loss() == loss(C_factor=1.0) != loss(C_factor=3.0)
