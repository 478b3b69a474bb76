"""What the learners do beyond the contract."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from autometa_tabular.learners.boosting import MIN_ROWS_TO_STOP_EARLY
from autometa_tabular.learners.elastic_net import ElasticNet
from autometa_tabular.learners.extra_trees import ExtraTrees
from autometa_tabular.learners.hist_boosting import HistBoosting
from autometa_tabular.learners.lightgbm import LightGBM
from autometa_tabular.learners.logistic import Logistic
from autometa_tabular.learners.ridge import Ridge
from autometa_tabular.specs import LEARNERS
from threadpoolctl import threadpool_limits

from autometa import FitContext, NotApplicable, TrainingData
from autometa.testing import make_table

REGRESSIONS = [Ridge, ElasticNet, ExtraTrees, HistBoosting, LightGBM]
CLASSIFICATIONS = [Logistic, ExtraTrees, HistBoosting, LightGBM]
BOOSTINGS = [HistBoosting, LightGBM]


def _context(**fields) -> FitContext:
    return FitContext(rng=np.random.default_rng(0), **fields)


def _fit(cls, data: TrainingData, **config):
    return cls(config).fit(data, _context())


def _learner(spec):
    module, _, name = spec.factory.partition(":")
    return getattr(import_module(module), name)


def test_listing_learners_imports_nothing_heavy():
    code = (
        "import sys, autometa_tabular; autometa_tabular.autometa_learners(); "
        "print(sorted({'numpy', 'optuna', 'pandas', 'sklearn', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_linear_model_needs_no_scikit_learn():
    code = (
        "import sys, numpy as np; from autometa_tabular.learners.ridge import Ridge; "
        "from autometa import FitContext; from autometa.testing.data import make_table; "
        "Ridge({}).fit(make_table('mixed', 'regression').train, "
        "FitContext(np.random.default_rng(0))); print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("cls", REGRESSIONS)
def test_fault_16_infinite_values_are_missing_ones(cls):
    table = make_table("numeric", "regression")
    X = table.train.X.copy()
    X.iloc[:20, 0] = np.inf
    gaps = X.replace(np.inf, np.nan)
    with_infinity = _fit(cls, replace(table.train, X=X)).predict(table.X)
    with_gaps = _fit(cls, replace(table.train, X=gaps)).predict(table.X)
    assert np.array_equal(with_infinity, with_gaps)


@pytest.mark.parametrize("cls", CLASSIFICATIONS)
def test_fault_27_unseen_category_is_predicted(cls):
    table = make_table("mixed", "multiclass")
    X = table.X.copy()
    X["level"] = pd.Categorical(["brand new"] * len(X))
    probabilities = _fit(cls, table.train).predict(X)
    assert np.isfinite(probabilities).all()
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(len(X)))


@pytest.mark.parametrize("cls", [Ridge, ElasticNet])
@pytest.mark.parametrize("lowest", [0.0, -5.0])
def test_fault_34_log_target_is_declined_where_it_is_not_defined(cls, lowest):
    data = make_table("numeric", "regression").train
    y = data.y - data.y.min() + lowest
    with pytest.raises(NotApplicable, match="positive values"):
        _fit(cls, replace(data, y=y), target_transform="log")


@pytest.mark.parametrize("cls", [Ridge, ElasticNet])
def test_fault_34_log_target_fits_products_where_it_is_defined(cls):
    table = make_table("numeric", "regression", n_rows=600)
    rng = np.random.default_rng(0)

    def product(X):
        noise = np.exp(0.1 * rng.normal(size=len(X)))
        return np.exp(X["number 0"] + 0.5 * X["number 4"]).to_numpy() * noise

    data = replace(table.train, y=product(table.train.X))
    y = product(table.X)
    errors = {
        transform: np.abs(_fit(cls, data, target_transform=transform).predict(table.X) - y).mean()
        for transform in ("none", "log")
    }
    assert errors["log"] < 0.6 * errors["none"]


def test_log_target_is_corrected_for_its_bias():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=4000)})
    y = np.exp(rng.normal(size=4000))  # the mean is exp(1/2), the median 1
    model = _fit(Ridge, TrainingData(X, y, None), target_transform="log")
    assert model.predict(X).mean() == pytest.approx(np.exp(0.5), rel=0.1)


@pytest.mark.parametrize("cls", [Ridge, ElasticNet])
def test_linear_predictions_stay_near_the_training_range(cls):
    table = make_table("numeric", "regression")
    y = table.train.y
    X = table.X.assign(**{"number 0": 1e30})
    predictions = _fit(cls, table.train, scale="standard").predict(X)
    assert predictions.max() <= y.max() + np.ptp(y)
    assert predictions.min() >= y.min() - np.ptp(y)


@pytest.mark.parametrize("cls", CLASSIFICATIONS)
def test_balanced_weights_raise_the_rare_class(cls):
    table = make_table("numeric", "binary", n_rows=400)
    rows = np.flatnonzero((table.train.y == 0) | (np.arange(400) % 8 == 0))
    data = replace(table.train, X=table.train.X.iloc[rows], y=table.train.y[rows])
    rare = [
        _fit(cls, data, class_weight=weight).predict(table.X)[:, 1].mean()
        for weight in ("none", "balanced")
    ]
    assert rare[1] > rare[0]


@pytest.mark.parametrize("cls", BOOSTINGS)
def test_boosting_reports_rising_steps_of_an_inner_loss(cls):
    table = make_table("numeric", "binary", n_rows=MIN_ROWS_TO_STOP_EARLY)
    reports = []
    context = _context(
        report=lambda step, value: reports.append((step, value)), deadline=time.monotonic() + 60
    )
    cls({}).fit(table.train, context)
    steps = [step for step, _ in reports]
    assert steps
    assert steps == sorted(set(steps))
    assert 0 < reports[-1][1] < np.log(2)


@pytest.mark.parametrize("cls", BOOSTINGS)
def test_boosting_stops_early_on_noise(cls):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(800, 5)), columns=list("abcde"))
    data = TrainingData(X, rng.integers(0, 2, 800), 2)
    probabilities = _fit(cls, data).predict(X)
    # Without early stopping the noise is learnt by heart.
    assert np.abs(probabilities[:, 1] - 0.5).mean() < 0.15


@pytest.mark.parametrize("cls", [ExtraTrees, *BOOSTINGS])
def test_deadline_that_is_over_still_gives_a_model(cls):
    table = make_table("mixed", "multiclass", n_rows=MIN_ROWS_TO_STOP_EARLY)
    started = time.monotonic()
    model = cls({}).fit(table.train, _context(deadline=started))
    assert model.predict(table.X).shape == (len(table.X), 4)


@pytest.mark.parametrize("cls", [ExtraTrees, *BOOSTINGS])
def test_fit_does_not_depend_on_how_often_the_clock_is_read(cls):
    table = make_table("gaps", "multiclass", n_rows=MIN_ROWS_TO_STOP_EARLY)
    without = cls({}).fit(table.train, _context()).predict(table.X)
    with_one = cls({}).fit(table.train, _context(deadline=time.monotonic() + 600)).predict(table.X)
    assert np.array_equal(without, with_one)


@pytest.mark.parametrize("cls", [ExtraTrees, *BOOSTINGS])
def test_target_of_any_scale_is_learnt(cls):
    table = make_table("numeric", "regression", n_rows=400)
    y, spread = 1e9 + table.train.y * 1e-2, np.std(table.y) * 1e-2
    predictions = _fit(cls, replace(table.train, y=y)).predict(table.X)
    assert np.abs(predictions - (1e9 + table.y * 1e-2)).mean() < 0.6 * spread


@pytest.mark.parametrize("cls", CLASSIFICATIONS)
def test_soft_labels_of_certainty_give_nearly_the_hard_model(cls):
    table = make_table("numeric", "multiclass")
    soft = replace(table.train, y=np.eye(4)[table.train.y])
    assert _fit(cls, soft).predict(table.X) == pytest.approx(
        _fit(cls, table.train).predict(table.X), abs=1e-3
    )


@pytest.mark.parametrize("spec", LEARNERS, ids=lambda spec: spec.name)
def test_learner_of_the_other_problem_declines(spec):
    if len(spec.problems) == 2:
        pytest.skip("takes both")
    other = "binary" if "regression" in spec.problems else "regression"
    with pytest.raises(NotApplicable, match=f"is for {min(spec.problems)}"):
        _learner(spec)({}).fit(make_table("numeric", other).train, _context())


@pytest.mark.parametrize("spec", LEARNERS, ids=lambda spec: spec.name)
def test_images_are_declined(spec):
    images = TrainingData(np.zeros((4, 2, 2, 1), np.uint8), np.array([0, 1, 0, 1]), 2)
    if spec.name == "dummy":
        assert _learner(spec)({}).fit(images, _context()).predict(images.X).shape == (4, 2)
        return
    with pytest.raises(NotApplicable):
        _learner(spec)({}).fit(images, _context())


def test_first_linear_model_is_cheap(tmp_path):
    table = make_table("mixed", "binary", n_rows=1000)
    with threadpool_limits(limits=1):  # as in a worker
        started = time.process_time()
        _fit(Logistic, table.train).save(tmp_path)
    assert time.process_time() - started < 1.0  # measured: 0.2 s


@pytest.mark.parametrize("cls", [Ridge, LightGBM, ExtraTrees])
def test_single_row_is_predicted_in_milliseconds(cls):
    table = make_table("mixed", "regression")
    model = _fit(cls, table.train)
    row = table.X.iloc[:1]
    seconds = []
    for _ in range(30):
        started = time.perf_counter()
        model.predict(row)
        seconds.append(time.perf_counter() - started)
    assert np.median(seconds) < 0.02  # measured: 0.5 to 1.5 ms
