import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from autometa.errors import TaskError
from autometa.measure import METRICS, Metric, find_metric, prediction_fault, score

Y = np.array([0, 1, 1, 0, 2, 2])
P = np.array(
    [
        [0.7, 0.2, 0.1],
        [0.2, 0.5, 0.3],
        [0.5, 0.3, 0.2],
        [0.6, 0.3, 0.1],
        [0.1, 0.2, 0.7],
        [0.3, 0.4, 0.3],
    ]
)
VALUES = np.array([1.0, 2.0, 4.0, 8.0])
GUESSES = np.array([1.5, 2.0, 3.0, 9.0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("log_loss", sk.log_loss(Y, P)),
        ("accuracy", 4 / 6),
        ("error", 2 / 6),
        ("balanced_accuracy", sk.balanced_accuracy_score(Y, P.argmax(1))),
        ("roc_auc", sk.roc_auc_score(Y, P, multi_class="ovr")),
        ("f1_macro", sk.f1_score(Y, P.argmax(1), average="macro")),
        ("mcc", sk.matthews_corrcoef(Y, P.argmax(1))),
        ("brier", ((P - np.eye(3)[Y]) ** 2).sum(1).mean()),
    ],
)
def test_score_of_classes_agrees_with_an_independent_value(name, expected):
    assert score(METRICS[name], Y, P) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rmse", math.sqrt((0.25 + 0 + 1 + 1) / 4)),
        ("mse", 2.25 / 4),
        ("mae", 2.5 / 4),
        ("median_ae", 0.75),
        ("mape", (0.5 + 0 + 0.25 + 0.125) / 4),
        ("r2", sk.r2_score(VALUES, GUESSES)),
        ("rmsle", math.sqrt(sk.mean_squared_log_error(VALUES, GUESSES))),
    ],
)
def test_score_of_values_agrees_with_an_independent_value(name, expected):
    assert score(METRICS[name], VALUES, GUESSES) == pytest.approx(expected, rel=1e-9)


def test_binary_metrics_look_at_the_positive_class():
    y, p = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    recall_of_first = Metric("recall", "maximize", frozenset({"classification"}), "recall", 0)
    assert score(recall_of_first, y, p) == 0.5
    assert score(METRICS["recall"], y, p) == 1.0


def test_score_is_nan_where_the_metric_is_undefined():
    assert math.isnan(score(METRICS["roc_auc"], np.array([1, 1]), P[:2, :2]))
    assert math.isnan(score(METRICS["mape"], np.array([0.0, 1.0]), np.array([1.0, 1.0])))


def test_score_of_a_class_absent_from_the_rows_is_finite():
    assert math.isfinite(score(METRICS["log_loss"], Y[:4], P[:4]))
    assert math.isfinite(score(METRICS["roc_auc"], Y[:4], P[:4]))


def test_find_metric_names_the_nearest():
    with pytest.raises(TaskError, match="log_loss"):
        find_metric("logloss")


def test_find_metric_refuses_a_metric_of_another_problem():
    with pytest.raises(TaskError, match=r"not defined for regression.*rmse"):
        find_metric("accuracy", problem="regression")


def test_own_metric_must_give_a_number(tmp_path):
    place = tmp_path / "own.py"
    place.write_text("def good(y, p):\n    return 0.25\n\ndef bad(y, p):\n    return 'x'\n")
    good = find_metric(f"{place}:good", direction="maximize")
    assert score(good, Y, P) == 0.25
    with pytest.raises(TypeError, match="must give a real number, got str"):
        score(find_metric(f"{place}:bad", direction="maximize"), Y, P)


@pytest.mark.parametrize(
    ("predictions", "words"),
    [
        ([0.1], "numpy array, got list"),
        (np.zeros((3, 2)), r"shape \(6, 3\)"),
        (np.full((6, 3), np.nan), "NaN"),
        (np.full((6, 3), 0.9), "sum to 1"),
        (P - 0.3, "negative"),
        (np.ones((6, 3), dtype=int), "floats"),
    ],
)
def test_prediction_fault_says_what_is_wrong(predictions, words):
    import re

    assert re.search(words, prediction_fault(predictions, 6, 3))


def test_prediction_fault_accepts_probabilities_and_values():
    assert prediction_fault(P, 6, 3) == ""
    assert prediction_fault(GUESSES, 4, None) == ""


@given(st.sampled_from(sorted(METRICS)))
def test_metric_survives_json(name):
    assert Metric.from_json(METRICS[name].to_json()) == METRICS[name]
