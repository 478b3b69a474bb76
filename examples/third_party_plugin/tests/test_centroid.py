"""The learner keeps the contract, and finds what it should."""

from __future__ import annotations

import numpy as np
import pandas as pd
from autometa_example.centroid import NearestCentroid

from autometa import FitContext, TrainingData
from autometa.testing import LearnerContract


class TestNearestCentroid(LearnerContract):
    spec = "nearest_centroid"


def two_clouds(n: int = 60, *, n_classes: int = 2) -> TrainingData:
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    X = pd.DataFrame({"a": rng.normal(4.0 * y), "b": rng.normal(size=n)})
    return TrainingData(X=X, y=y, n_classes=n_classes)


def fit(data: TrainingData, **config: float) -> np.ndarray:
    model = NearestCentroid(config).fit(data, FitContext(rng=np.random.default_rng(1)))
    return model.predict(data.X)


def test_rows_belong_to_the_nearest_mean() -> None:
    data = two_clouds()
    assert (fit(data).argmax(1) == data.y).mean() > 0.95


def test_higher_temperature_gives_milder_probabilities() -> None:
    data = two_clouds()
    assert fit(data, temperature=5.0).max() < fit(data, temperature=0.1).max()


def test_class_without_rows_is_possible_but_unlikely() -> None:
    share = fit(two_clouds(n_classes=3))[:, 2]
    assert (share > 0).all()
    assert share.mean() < 0.1


def test_weight_counts_as_rows() -> None:
    data = two_clouds()
    weights = np.where(data.y == 0, 2.0, 1.0)
    weighted = TrainingData(X=data.X, y=data.y, n_classes=2, sample_weight=weights)
    assert (fit(weighted)[:, 0] > fit(data)[:, 0]).all()
