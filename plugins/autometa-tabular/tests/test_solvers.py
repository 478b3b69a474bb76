"""The solvers against scikit-learn's, and against what must hold at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from autometa_tabular.solvers import penalised
from autometa_tabular.solvers.penalised import Problem, elastic_net, lbfgs, ridge
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge


def _never() -> bool:
    return False


def _rows(n: int = 120, p: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    Z = (rng.normal(size=(n, p)) + rng.normal(size=p)).astype(np.float32)
    return Z, Z @ rng.normal(size=p) + 3.0 + rng.normal(size=n)


def _regression(Z, y, weight=None) -> Problem:
    weight = np.ones(len(y)) if weight is None else weight
    return Problem.of(Z, y[:, None], weight, is_classification=False, expired=_never)


def _classification(Z, labels, k, weight=None) -> Problem:
    weight = np.ones(len(Z)) if weight is None else weight
    Y = np.eye(k)[labels] if labels.ndim == 1 else labels
    return Problem.of(Z, Y, weight, is_classification=True, expired=_never)


@pytest.mark.parametrize("shape", [(120, 6), (20, 60)], ids=["primal", "dual"])
def test_ridge_equals_scikit_learn(shape):
    Z, y = _rows(*shape)
    weight = np.random.default_rng(1).random(len(y)) + 0.1
    coef, intercept = ridge(_regression(Z, y, weight), 2.0)
    theirs = Ridge(alpha=2.0).fit(Z.astype(float), y, weight)
    assert coef[:, 0] == pytest.approx(theirs.coef_, rel=1e-6, abs=1e-9)
    assert intercept[0] == pytest.approx(theirs.intercept_, rel=1e-6)


def test_ridge_of_a_large_table_is_iterative_and_agrees(monkeypatch):
    Z, y = _rows()
    direct, intercept = ridge(_regression(Z, y), 2.0)
    monkeypatch.setattr(penalised, "MAX_DIRECT", 3)
    coef, other = ridge(_regression(Z, y), 2.0)
    assert coef == pytest.approx(direct, abs=1e-4)
    assert other == pytest.approx(intercept, abs=1e-4)


@pytest.mark.parametrize("solve", [ridge, lbfgs, lambda p, a: elastic_net(p, a / 99, 0.5)])
def test_large_table_stays_float32_and_agrees(solve, monkeypatch):
    Z, y = _rows()
    exact, intercept = solve(_regression(Z, y), 2.0)
    monkeypatch.setattr(penalised, "_MAX_WIDE", 10)
    problem = _regression(Z, y)
    assert problem.Z.dtype == np.float32
    coef, other = solve(problem, 2.0)
    assert coef == pytest.approx(exact, abs=1e-3)
    assert other == pytest.approx(intercept, abs=1e-3)


@pytest.mark.parametrize("k", [2, 3])
def test_logistic_regression_equals_scikit_learn(k):
    Z, y = _rows()
    labels = np.searchsorted(np.quantile(y, np.arange(1, k) / k), y)
    weight = np.random.default_rng(1).random(len(y)) + 0.1
    coef, intercept = lbfgs(_classification(Z, labels, k, weight), 1 / 0.5)
    theirs = LogisticRegression(C=0.5, tol=1e-8, max_iter=1000).fit(Z.astype(float), labels, weight)
    assert pytest.approx(theirs.coef_, abs=2e-4) == coef.T
    logits, their_logits = Z @ coef + intercept, Z @ theirs.coef_.T + theirs.intercept_
    shift = (logits - their_logits).mean() if k > 2 else 0.0  # softmax knows no common shift
    assert logits - shift == pytest.approx(their_logits, abs=2e-3)


@pytest.mark.parametrize("l1_ratio", [0.2, 1.0])
def test_elastic_net_equals_scikit_learn(l1_ratio):
    Z, y = _rows()
    problem = _regression(Z, y)
    largest = np.abs(problem.Z.T @ (y - y.mean())).max() / len(y) / l1_ratio
    coef, intercept = elastic_net(problem, 0.05, l1_ratio)
    theirs = ElasticNet(alpha=0.05 * largest, l1_ratio=l1_ratio, tol=1e-10).fit(Z.astype(float), y)
    assert coef[:, 0] == pytest.approx(theirs.coef_, abs=1e-3)
    assert intercept[0] == pytest.approx(theirs.intercept_, abs=1e-3)


def test_sparse_logistic_regression_equals_scikit_learn():
    Z, y = _rows()
    labels = (y > np.median(y)).astype(int)
    problem = _classification(Z, labels, 2)
    largest = np.abs(problem.Z.T @ (0.5 - labels)).max() / len(y)
    coef, _ = elastic_net(problem, 0.1, 1.0)
    theirs = LogisticRegression(
        l1_ratio=1.0, C=1 / (0.1 * largest * len(y)), solver="saga", tol=1e-8, max_iter=20_000
    ).fit(Z.astype(float), labels)
    assert coef[:, 0] == pytest.approx(theirs.coef_[0], abs=2e-3)


def test_full_strength_leaves_no_coefficient():
    Z, y = _rows()
    coef, intercept = elastic_net(_regression(Z, y), 1.0, 1.0)
    assert coef == pytest.approx(np.zeros((6, 1)), abs=1e-12)
    assert intercept[0] == pytest.approx(y.mean())


def test_weights_are_repeated_rows():
    Z, y = _rows(40)
    labels = (y > np.median(y)).astype(int)
    weight = np.where(np.arange(40) < 10, 3.0, 1.0)
    repeated = np.repeat(np.arange(40), weight.astype(int))
    weighted, _ = lbfgs(_classification(Z, labels, 2, weight), 1.0)
    plain, _ = lbfgs(_classification(Z[repeated], labels[repeated], 2), 1.0)
    assert weighted == pytest.approx(plain, abs=1e-3)


def test_soft_labels_are_weighted_rows():
    Z, y = _rows(40)
    share = 1 / (1 + np.exp(-y))
    soft, _ = lbfgs(_classification(Z, np.column_stack([1 - share, share]), 2), 1.0)
    both = np.repeat([0, 1], 40)
    weight = np.concatenate([1 - share, share])
    hard, _ = lbfgs(_classification(np.vstack([Z, Z]), both, 2, weight), 1.0)
    assert soft == pytest.approx(hard, abs=1e-3)


@pytest.mark.parametrize("solve", [lambda p: lbfgs(p, 0.01), lambda p: elastic_net(p, 0.001, 0.5)])
def test_expired_clock_gives_what_there_is(solve):
    Z, y = _rows()
    problem = Problem.of(
        Z, y[:, None], np.ones(len(y)), is_classification=False, expired=lambda: True
    )
    coef, intercept = solve(problem)
    assert np.isfinite(coef).all()
    assert np.isfinite(intercept).all()


@pytest.mark.parametrize("solve", [lbfgs, lambda p, a: elastic_net(p, a / 99, 0.5)])
@pytest.mark.parametrize("k", [2, 3])
def test_rows_that_are_mostly_zero_give_the_same(solve, k, monkeypatch):
    rng = np.random.default_rng(0)
    Z = (rng.random((90, 300)) * (rng.random((90, 300)) < 0.04)).astype(np.float32)
    labels, weight = rng.integers(0, k, 90), rng.random(90) + 0.1
    sparse = _classification(Z, labels, k, weight)
    assert sparse.is_sparse
    coef, intercept = solve(sparse, 2.0)
    monkeypatch.setattr(penalised, "_MAX_DENSITY", 0.0)
    dense = _classification(Z, labels, k, weight)
    assert not dense.is_sparse
    assert (coef**2).sum() > 0.01
    other, other_intercept = solve(dense, 2.0)
    assert coef == pytest.approx(other, abs=1e-3)
    assert intercept == pytest.approx(other_intercept, abs=1e-3)
