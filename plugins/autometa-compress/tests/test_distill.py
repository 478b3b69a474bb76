"""Students answer what their teachers answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from autometa_compress.distill import DistillBoosting, DistillLinear
from autometa_compress.teaching import invented_rows, softened, taught
from autometa_tabular.learners.extra_trees import ExtraTrees
from autometa_tabular.learners.lightgbm import LightGBM
from autometa_tabular.learners.logistic import Logistic

from autometa import CompressContext, FitContext, Model, NotApplicable, TrainingData

STUDENTS = {"lightgbm": LightGBM, "logistic": Logistic}


def rows(n: int = 500) -> TrainingData:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(["x", "y"], n))
    y = (X["a"] + X["b"] > 0.2 * rng.normal(size=n)).to_numpy().astype(np.int64)
    return TrainingData(X=X, y=y, n_classes=2, names=("no", "yes"))


def context(data: TrainingData, students: Any = STUDENTS) -> CompressContext:
    return CompressContext(data, FitContext(rng=np.random.default_rng(1)), students)


class Fixed(Model):
    """Says .9 for class 1 where a > 0."""

    format = "fixed"

    def predict(self, X: Any) -> np.ndarray:
        p = np.where(X["a"].to_numpy() > 0, 0.9, 0.1)
        return np.column_stack([1 - p, p])

    def save(self, folder: Any) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Any) -> Fixed:
        return cls()


@pytest.mark.parametrize("compressor", [DistillBoosting({"rounds": 20}), DistillLinear({})])
def test_student_follows_the_teacher_not_the_labels(compressor: Any) -> None:
    data = rows()
    student = compressor.compress(Fixed(), context(data))
    agreed = student.predict(data.X).argmax(1) == Fixed().predict(data.X).argmax(1)
    assert agreed.mean() > 0.95
    assert student.format in ("lightgbm", "linear")


def test_rounds_bound_the_trees_of_a_student() -> None:
    data = rows()
    teacher = ExtraTrees({"n_trees": 50}).fit(data, context(data).fit)
    student: Any = DistillBoosting({"rounds": 12}).compress(teacher, context(data))
    assert student.n_rounds <= 12


def test_student_that_is_not_installed_is_declined() -> None:
    with pytest.raises(NotApplicable, match="the learner logistic is not installed"):
        DistillLinear({}).compress(Fixed(), context(rows(), {}))


def test_temperature_softens_by_dividing_logits() -> None:
    soft = softened(np.array([[0.8, 0.2]]), 2, 2.0)
    assert soft[0, 0] == pytest.approx(np.sqrt(0.8) / (np.sqrt(0.8) + np.sqrt(0.2)))
    assert np.array_equal(softened(np.array([3.0]), None, 2.0), [3.0])


def test_share_of_the_labels_is_mixed_in() -> None:
    data = rows()
    lesson = taught(Fixed(), context(data), temperature=1.0, extra=0.0, hard=0.5)
    expected = 0.5 * Fixed().predict(data.X) + 0.5 * np.eye(2)[data.y]
    assert np.allclose(lesson.y, expected)


def test_invented_rows_hold_only_values_of_their_column() -> None:
    X = rows().X
    made = invented_rows(X, 1000, np.random.default_rng(0))
    assert len(made) == 1000
    assert dict(made.dtypes) == dict(X.dtypes)
    for name in X.columns:
        assert set(made[name]) <= set(X[name])
    same = (made["a"].map(dict(zip(X["a"], X["b"], strict=True))) == made["b"]).mean()
    assert 0.5 < same < 0.7  # .75² of pairs stay together, and what is swapped may meet


def test_learner_may_be_any_that_takes_a_configuration() -> None:
    data = rows()
    made = context(data, {"logistic": partial(Logistic)})
    assert DistillLinear({}).compress(Fixed(), made).format == "linear"
