"""Students learn what the last layer of their teachers sees, and how their answers change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from autometa_compress.hints import DistillFeatures, DistillGradients, _first_choices, _size
from autometa_tabular.learners.logistic import Logistic

from autometa import CompressContext, FitContext, NotApplicable, TrainingData


def rows(n: int = 400) -> TrainingData:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    y = (X["a"] * X["b"] > 0).to_numpy().astype(np.int64)
    return TrainingData(X=X, y=y, n_classes=2, names=("no", "yes"))


def context(data: TrainingData) -> CompressContext:
    from autometa_torch.learners.cnn import CNN
    from autometa_torch.learners.mlp import MLP

    students = {"mlp": MLP, "cnn": CNN}
    return CompressContext(data, FitContext(rng=np.random.default_rng(1)), students)


@pytest.fixture(scope="module")
def teacher() -> Any:
    from autometa_torch.learners.resnet import ResNet

    data = rows()
    return ResNet({}).fit(data, context(data).fit)


def explained(student: Any, teacher: Any, X: Any) -> float:
    """Gives the share of the teacher's features that is linear in the student's."""
    target = teacher.features(X) - teacher.features(X).mean(axis=0)
    own = np.column_stack([student.features(X), np.ones(len(X))])
    left = target - own @ np.linalg.lstsq(own, target, rcond=None)[0]
    return float(1.0 - np.square(left).mean() / np.square(target).mean())


@pytest.mark.slow
def test_hints_bring_the_features_nearer_to_the_teachers(teacher: Any) -> None:
    data, fresh = rows(), rows(1000).X[400:]
    shape = {"width": 8, "layers": 1}
    hinted, unhinted = (
        DistillFeatures({**shape, "hint": hint}).compress(teacher, context(data))
        for hint in (20.0, 1e-6)
    )
    assert hinted.module.head.in_features == 8
    missed = [1.0 - explained(student, teacher, fresh) for student in (hinted, unhinted)]
    assert missed[0] < 0.85 * missed[1]
    agreed = unhinted.predict(data.X).argmax(1) == teacher.predict(data.X).argmax(1)
    assert agreed.mean() > 0.9


@pytest.mark.slow
def test_projector_is_not_part_of_the_student(teacher: Any, tmp_path: Path) -> None:
    data = rows()
    student: Any = DistillFeatures({"width": 16}).compress(teacher, context(data))
    assert not any("projector" in name for name, _ in student.module.named_parameters())
    student.save(tmp_path)
    assert np.array_equal(type(student).load(tmp_path).predict(data.X), student.predict(data.X))


@pytest.mark.slow
@pytest.mark.parametrize("compressor", [DistillFeatures, DistillGradients])
def test_student_of_images_learns_from_inside(compressor: Any) -> None:
    from autometa_torch.learners.residual_cnn import ResidualCNN

    rng = np.random.default_rng(0)
    y = (np.arange(120) % 2).astype(np.int64)
    images = rng.integers(0, 100, (120, 12, 12, 1), dtype=np.uint8)
    images[np.arange(120), np.where(y, 9, 2)] += 150
    data = TrainingData(X=images, y=y, n_classes=2, names=("top", "bottom"))
    teacher = ResidualCNN({"width": 16, "stages": 2}).fit(data, context(data).fit)
    student: Any = compressor({"width": 16, "layers": 1}).compress(teacher, context(data))
    assert [layer.out_channels for layer in student.module.convolutions] == [4, 8]
    assert (student.predict(images).argmax(1) == teacher.predict(images).argmax(1)).mean() > 0.9


def missed_slopes(student: Any, teacher: Any, X: Any) -> float:
    """Gives the share of the teacher's gradients that the student's do not have."""
    directions = _first_choices(teacher.raw(X))
    theirs, own = (model.slopes(X, directions) for model in (teacher, student))
    return float(np.square(own - theirs).mean() / np.square(theirs).mean())


@pytest.mark.slow
def test_matched_gradients_come_nearer_to_the_teachers(teacher: Any) -> None:
    data, fresh = rows(), rows(1000).X[400:]
    matched, unmatched = (
        DistillGradients({"width": 32, "layers": 1, "slope": slope}).compress(
            teacher, context(data)
        )
        for slope in (5.0, 1e-6)
    )
    missed = [missed_slopes(student, teacher, fresh) for student in (matched, unmatched)]
    assert missed[0] < 0.8 * missed[1]
    assert (matched.predict(fresh).argmax(1) == teacher.predict(fresh).argmax(1)).mean() > 0.9


def test_slopes_are_the_change_of_the_first_choice(teacher: Any) -> None:
    X, small = rows().X[:5], 1e-2
    raw = teacher.raw(X)
    directions = _first_choices(raw)
    assert np.allclose(directions, np.where(np.eye(2)[raw.argmax(axis=1)] > 0, 0.5, -0.5))
    slopes = teacher.slopes(X, directions)
    Z = teacher.encode(X)
    for column in range(Z.shape[1]):
        there, here = Z.clone(), Z.clone()
        there[:, column] += small
        here[:, column] -= small
        change = (teacher.module(there) - teacher.module(here)).detach().numpy()
        expected = (change * directions).sum(axis=1) / (2 * small)
        assert np.allclose(slopes[:, column], expected, atol=0.03 * np.abs(slopes).max())


def test_what_is_learnt_is_scaled_to_a_loss_near_one() -> None:
    assert _size(np.array([[1.0, -7.0], [5.0, 5.0]]), "slopes") == 5.0
    with pytest.raises(NotApplicable, match="the slopes of the model are the same for all rows"):
        _size(np.zeros((3, 2)), "slopes")


@pytest.mark.parametrize("compressor", [DistillFeatures, DistillGradients])
def test_model_that_is_no_network_is_declined(compressor: Any) -> None:
    data = rows()
    own = CompressContext(data, FitContext(rng=np.random.default_rng(1)))
    model = Logistic({}).fit(data, own.fit)
    with pytest.raises(NotApplicable, match="a linear model is no network to look into"):
        compressor({}).compress(model, own)
