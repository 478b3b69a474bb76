"""What scikit-learn, XGBoost and CatBoost say, and what our arrays say."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from autometa_tabular.learners.naive_bayes import NaiveBayes
from autometa_tabular.learners.neighbours import MAX_ROWS, Neighbours
from autometa_tabular.learners.perceptron import Perceptron
from autometa_tabular.learners.svm import SVM
from autometa_tabular.models.trees import TreesModel, join

from autometa import FitContext, NotApplicable, TrainingData
from autometa.testing.data import make_table


def fit(cls, data, **config):
    return cls(config).fit(data, FitContext(np.random.default_rng(0)))


def numbers(n=120, width=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


def trees_model(trees, k=1, base=0.0):
    return TreesModel(None, None, join(trees), base=np.full(k, base), link="value")


def with_gaps(Z):
    Z = Z.copy()
    Z[::7, 1] = np.nan
    return Z


def test_xgboost_as_arrays_equals_xgboost():
    xgboost = pytest.importorskip("xgboost")
    import json

    from autometa_tabular.learners.xgboost import flatten

    Z = with_gaps(numbers())
    y = np.nansum(Z, axis=1)
    booster = xgboost.train(
        {"base_score": 0.0, "max_depth": 4}, xgboost.DMatrix(Z, label=y), num_boost_round=20
    )
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    ours = trees_model([flatten(tree) for tree in model["trees"]]).predict_encoded(Z)
    np.testing.assert_allclose(ours, booster.predict(xgboost.DMatrix(Z)), atol=1e-5)


@pytest.mark.parametrize("k", [1, 3])
def test_catboost_as_arrays_equals_catboost(k, tmp_path):
    catboost = pytest.importorskip("catboost")
    import json

    from autometa_tabular.learners.catboost import _columns, flatten

    Z = with_gaps(numbers())
    y = np.nansum(Z, axis=1)
    labels = y if k == 1 else np.digitize(y, [-1, 1])
    booster = catboost.CatBoost(
        {
            "loss_function": "RMSE" if k == 1 else "MultiClass",
            "iterations": 15,
            "depth": 3,
            "logging_level": "Silent",
            "allow_writing_files": False,
            "thread_count": 1,
        }
    ).fit(Z, labels)
    booster.save_model(str(tmp_path / "m.json"), format="json")
    dumped = json.loads((tmp_path / "m.json").read_text())
    trees = [flatten(tree, _columns(dumped), k) for tree in dumped["oblivious_trees"]]
    _, bias = dumped["scale_and_bias"]
    sums = trees_model(trees, k)._sums(Z) + np.asarray(bias)
    raw = booster.predict(Z, prediction_type="RawFormulaVal").reshape(len(Z), -1)
    np.testing.assert_allclose(sums, raw, atol=1e-5)


def test_naive_bayes_of_full_trust_is_the_gaussian_one():
    from sklearn.naive_bayes import GaussianNB

    table = make_table("numeric", "binary")
    model = fit(NaiveBayes, table.train, trust=1.0, smoothing=1e-3, scale="standard")
    Z = model.plan.transform(table.X)
    theirs = GaussianNB(var_smoothing=1e-3).fit(model.plan.transform(table.train.X), table.train.y)
    np.testing.assert_allclose(model.predict(table.X), theirs.predict_proba(Z), atol=0.02)


def test_one_neighbour_without_prior_is_the_row_itself():
    table = make_table("numeric", "regression")
    model = fit(Neighbours, table.train, n_neighbours=1, prior=1e-9, fading=0.0)
    np.testing.assert_allclose(model.predict(table.train.X), table.train.y, rtol=1e-6)


@pytest.mark.parametrize("fading", [0.0, 1.0])
@pytest.mark.parametrize("n_neighbours", [1, 7, 120])
def test_exported_neighbours_count_ties_as_the_model_does(n_neighbours, fading, tmp_path):
    pytest.importorskip("onnxruntime")
    from autometa.onnxgraph.feeds import OnnxFile

    # A grid of a few points: nearly every row has others that are exactly as far.
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 4, size=(120, 3)).astype(float), columns=list("abc"))
    y = rng.normal(size=120) + X["a"].to_numpy()
    data = TrainingData(X, y, None)
    model = fit(Neighbours, data, n_neighbours=n_neighbours, fading=fading, scale="standard")
    Z = model.plan.transform(X).astype(float)
    squares = ((Z[:, None] - Z[None]) ** 2).sum(axis=2)
    ranks = np.sort(squares, axis=1)
    at = min(n_neighbours, 119)
    assert n_neighbours == 120 or np.isclose(ranks[:, at - 1], ranks[:, at]).mean() > 0.3
    model.export("onnx", tmp_path)
    values = OnnxFile(tmp_path / "model.onnx").predict(X)["value"][:, 0]
    np.testing.assert_allclose(values, model.predict(X), rtol=1e-6)


def test_svm_regression_equals_scikit_learn():
    from sklearn.svm import SVR

    table = make_table("numeric", "regression")
    model = fit(SVM, table.train)
    y = table.train.y
    Z = model.plan.transform(table.train.X).astype(float)
    theirs = SVR(C=1.0, gamma=model.gamma, epsilon=0.1, tol=1e-2).fit(Z, (y - y.mean()) / y.std())
    expected = theirs.predict(Z) * y.std() + y.mean()
    np.testing.assert_allclose(model.predict(table.train.X), expected, rtol=1e-6)


@pytest.mark.parametrize("cls", [Neighbours, SVM])
def test_too_many_rows_are_declined_with_the_reason(cls):
    import pandas as pd

    X = pd.DataFrame({"a": np.arange(MAX_ROWS + 1.0)})
    with pytest.raises(NotApplicable, match=r"takes up to \d+ rows"):
        fit(cls, TrainingData(X, np.arange(len(X)) % 2, 2))


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_perceptron_without_time_still_gives_a_model(problem):
    table = make_table("mixed", problem)
    context = FitContext(np.random.default_rng(0), deadline=time.monotonic())
    predictions = Perceptron({}).fit(table.train, context).predict(table.X)
    assert np.isfinite(predictions).all()
    assert len(predictions) == len(table.X)


def test_perceptron_does_not_depend_on_the_clock():
    table = make_table("gaps", "multiclass")
    contexts = (
        FitContext(np.random.default_rng(0)),
        FitContext(np.random.default_rng(0), deadline=time.monotonic() + 600),
    )
    config = {"n_units": 8, "n_layers": 1}
    first, second = (Perceptron(config).fit(table.train, c).predict(table.X) for c in contexts)
    assert np.array_equal(first, second)
