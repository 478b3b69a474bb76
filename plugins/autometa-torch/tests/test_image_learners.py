"""Networks for images keep what the contract asks of networks for tables."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from autometa_torch.learners.cnn import CNN
from autometa_torch.learners.cnn import space as cnn_space
from autometa_torch.learners.residual_cnn import ResidualCNN
from autometa_torch.learners.residual_cnn import space as residual_space

from autometa import NotApplicable, TrainingData
from autometa.testing import subject
from autometa.testing.data import make_table
from autometa.testing.subject import check_export, check_predictions, context

SMALL = {"width": 8, "shift": 1}
LEARNERS = pytest.mark.parametrize("learner", [CNN, ResidualCNN], ids=["cnn", "residual_cnn"])


def _data(n: int = 120, n_classes: int | None = 3, side: int = 8, channels: int = 1):
    """Images with a bright bar whose row tells the class."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    images = rng.integers(0, 120, (n, side, side, channels), dtype=np.uint8)
    images[np.arange(n), 2 * y + 1] += 120
    return TrainingData(images, y if n_classes else y.astype(float), n_classes)


@LEARNERS
def test_bars_are_told_apart_by_what_is_loaded(learner, tmp_path) -> None:
    data = _data()
    steps: list[float] = []
    told = replace(context(), report=lambda step, loss: steps.append(loss))
    model = learner({**SMALL, "shift": 0}).fit(data, told)
    predictions = model.predict(data.X)
    check_predictions(predictions, len(data), 3)
    assert (predictions.argmax(axis=1) == data.y).mean() > 0.9
    assert min(steps) < steps[0]
    subject.check_saved(model, tmp_path / "saved")
    loaded = type(model).load(tmp_path / "saved")
    assert np.array_equal(loaded.predict(data.X), predictions)
    assert model.predict(data.X[:0]).shape == (0, 3)
    assert np.allclose(model.predict(data.X[:1]), predictions[:1], atol=1e-6)


@LEARNERS
def test_same_generator_gives_the_same_model(learner) -> None:
    data = _data(60)
    first, second = (learner(SMALL).fit(data, context(3)).predict(data.X) for _ in range(2))
    assert np.array_equal(first, second)


@LEARNERS
def test_values_are_regressed_within_their_range(learner) -> None:
    data = _data(60, None)
    predictions = learner(SMALL).fit(data, context()).predict(data.X)
    check_predictions(predictions, 60, None)
    assert -1.0 <= predictions.min() <= predictions.max() <= 3.0


@pytest.mark.slow
@LEARNERS
def test_soft_labels_make_it_less_sure(learner) -> None:
    data = _data(90)
    soft = replace(data, y=0.6 * np.eye(3)[data.y] + 0.4 / 3)
    sure, unsure = (
        learner(SMALL).fit(part, context()).predict(data.X).max(axis=1).mean()
        for part in (data, soft)
    )
    assert unsure < sure


@pytest.mark.slow
@LEARNERS
def test_deadline_is_kept(learner) -> None:
    data = _data(4000, side=28)
    started = time.monotonic()
    model = learner({}).fit(data, context(seconds=2.0))
    assert time.monotonic() - started < 6.0
    check_predictions(model.predict(data.X[:5]), 5, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learner", "space"), [(CNN, cnn_space), (ResidualCNN, residual_space)], ids=["cnn", "residual"]
)
def test_random_configurations_fit_images_of_any_shape(learner, space) -> None:
    subject.check_space("some", space())
    shapes = [(1, 1), (2, 3), (70, 10), (9, 9)]
    configs = subject.random_configs(space(), len(shapes))
    for (height, width), config in zip(shapes, configs, strict=True):
        images = np.random.default_rng(0).integers(0, 256, (12, height, width, 3), dtype=np.uint8)
        data = TrainingData(images, np.arange(12) % 2, 2)
        model = learner({**config, "width": 8}).fit(data, context())
        check_predictions(model.predict(images), 12, 2)


@LEARNERS
def test_tables_and_single_classes_are_declined(learner) -> None:
    with pytest.raises(NotApplicable, match="images, not tables"):
        learner({}).fit(make_table().train, context())
    with pytest.raises(NotApplicable, match="one class"):
        learner({}).fit(replace(_data(), y=np.zeros(120, dtype=np.int64)), context())


@LEARNERS
@pytest.mark.parametrize("n_classes", [3, None], ids=["classes", "values"])
def test_onnx_file_predicts_the_same(learner, n_classes, tmp_path) -> None:
    pytest.importorskip("onnxruntime")
    data = _data(40, n_classes, side=70, channels=3)
    model = learner({**SMALL, "shift": 0}).fit(data, context(seconds=3.0))
    model.export("onnx", tmp_path)
    check_export(model, tmp_path / "model.onnx", data.X)
