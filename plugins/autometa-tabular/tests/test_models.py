"""Models as arrays: equal to the estimators they come from, small, and wary of foreign files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from autometa_tabular.classes import Classes, balanced, hard_rows
from autometa_tabular.learners.base import inner_split
from autometa_tabular.learners.extra_trees import flatten
from autometa_tabular.learners.hist_boosting import trees_of
from autometa_tabular.models.constant import ConstantModel
from autometa_tabular.models.linear import LinearModel
from autometa_tabular.models.tabular import softmax
from autometa_tabular.models.trees import TreesModel, floor_float32, join
from autometa_tabular.storage import read_arrays, read_json, write_arrays, write_json
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from autometa import TabularEncoder, TrainingData


def _coded(n: int = 500) -> np.ndarray:
    """Codes of 12 levels, a number, a number with gaps."""
    rng = np.random.default_rng(0)
    Z = np.column_stack([rng.integers(0, 12, n), rng.normal(size=(n, 2))]).astype(np.float32)
    Z[rng.random(n) < 0.3, 2] = np.nan
    Z[rng.random(n) < 0.1, 0] = np.nan
    return Z


def _sums(trees, Z, k: int) -> np.ndarray:
    return trees.values[trees.leaves(Z)].reshape(len(Z), -1, k).sum(axis=1, dtype=float)


def test_extra_trees_as_arrays_equal_scikit_learn():
    Z = _coded()
    Y = np.column_stack([np.nan_to_num(Z[:, 0]), Z[:, 1]])
    forest = ExtraTreesRegressor(n_estimators=7, random_state=0).fit(Z, Y)
    trees = join([flatten(tree.tree_) for tree in forest.estimators_])
    assert _sums(trees, Z, 2) / 7 == pytest.approx(forest.predict(Z), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("shuffled", [False, True], ids=["first", "last"])
def test_boosted_trees_as_arrays_equal_scikit_learn(shuffled):
    Z = _coded()
    Z = Z[:, ::-1].copy() if shuffled else Z
    is_categorical = np.array([False, False, True] if shuffled else [True, False, False])
    code = np.nan_to_num(Z[:, is_categorical][:, 0], nan=7)
    known = code != 5  # the other rows have a level that the fit never sees
    y = np.sin(code) + np.nan_to_num(Z[:, 1])
    boosting = HistGradientBoostingRegressor(
        max_iter=20, categorical_features=is_categorical, min_samples_leaf=3
    ).fit(Z[known], y[known])
    trees = trees_of(boosting, 20, is_categorical)
    assert len(trees.bits) > 0
    ours = _sums(trees, Z, 1)[:, 0] + boosting._baseline_prediction.item()
    assert ours == pytest.approx(boosting.predict(Z), rel=1e-5, abs=1e-5)


def test_boosted_classes_as_arrays_equal_scikit_learn():
    Z = _coded()
    labels = np.digitize(np.nan_to_num(Z[:, 1]), [-0.5, 0.5])
    boosting = HistGradientBoostingClassifier(max_iter=10).fit(Z, labels)
    trees = trees_of(boosting, 10, np.zeros(3, dtype=bool))
    logits = _sums(trees, Z, 3) + boosting._baseline_prediction
    assert softmax(logits) == pytest.approx(boosting.predict_proba(Z), rel=1e-4, abs=1e-6)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False, width=32))
def test_float32_threshold_decides_as_the_float64_one(threshold, value):
    rounded = floor_float32(np.array([threshold]))[0]
    assert (np.float32(value) <= rounded) == (value <= threshold)


def test_softmax_of_huge_logits_is_finite():
    probabilities = softmax(np.array([[1e308, -1e308, 0.0]]))
    assert probabilities.tolist() == [[1.0, 0.0, 0.0]]


def test_absent_classes_get_the_floor_and_rows_sum_to_one():
    classes = Classes.of(TrainingData(pd.DataFrame(), np.array([1, 3, 3]), 4))
    full = classes.expand(np.array([[0.25, 0.75]]))
    assert full[0, [0, 2]] == pytest.approx([1 / 7, 1 / 7])
    assert full[0, 3] / full[0, 1] == pytest.approx(3.0)
    assert full.sum() == pytest.approx(1.0)


def test_labels_are_renumbered_by_the_present_classes():
    classes = Classes(present=(1, 3), n_classes=4, floor=0.1)
    assert classes.compress(np.array([3, 1, 3])).tolist() == [1, 0, 1]
    soft = classes.compress(np.array([[0.5, 0.1, 0.0, 0.4]]))
    assert soft[0] == pytest.approx([0.2, 0.8])


def test_balanced_weights_give_every_class_the_same_total():
    labels = np.array([0, 0, 0, 1])
    weight = balanced(np.ones(4), labels, 2)
    assert weight.sum() == pytest.approx(4.0)
    assert weight[labels == 0].sum() == pytest.approx(weight[labels == 1].sum())


def test_soft_labels_become_weighted_rows():
    rows, labels, weight = hard_rows(np.array([[0.8, 0.2], [1.0, 0.0]]), np.array([2.0, 3.0]))
    assert rows.tolist() == [0, 0, 1]
    assert labels.tolist() == [0, 1, 0]
    assert weight == pytest.approx([1.6, 0.4, 3.0])


def test_inner_split_keeps_every_class_in_the_fitted_part():
    labels = np.array([0] * 95 + [1] * 4 + [2])
    train, valid = inner_split(labels, True, 0.5, np.random.default_rng(0))
    assert sorted([*train, *valid]) == list(range(100))
    assert set(labels[train]) == {0, 1, 2}
    assert len(valid) == pytest.approx(50, abs=2)


def test_arrays_are_written_the_same_every_time(tmp_path):
    arrays = {"a": np.arange(5), "b": np.ones((2, 3), dtype=np.float32)}
    write_arrays(tmp_path / "1.npz", arrays)
    write_arrays(tmp_path / "2.npz", arrays)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
    assert np.array_equal(read_arrays(tmp_path / "1.npz", "a", "b")["b"], arrays["b"])


def test_arrays_of_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "a.npz", {"a": np.array([object()])})
    np.savez(tmp_path / "b.npz", a=np.array([{}]))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "b.npz", "a")


def test_other_keys_and_arrays_are_refused(tmp_path):
    write_json(tmp_path / "m.json", {"a": 1})
    with pytest.raises(ValueError, match="must hold a, b"):
        read_json(tmp_path / "m.json", "a", "b")
    write_arrays(tmp_path / "m.npz", {"a": np.zeros(1)})
    with pytest.raises(ValueError, match="must hold b"):
        read_arrays(tmp_path / "m.npz", "b")


def test_constant_model_is_the_weighted_mean():
    data = TrainingData(pd.DataFrame(index=range(3)), np.array([1.0, 2.0, 6.0]), None)
    assert ConstantModel.of(data).predict(data.X).tolist() == [3.0, 3.0, 3.0]
    weighted = TrainingData(data.X, data.y, None, sample_weight=np.array([1.0, 1.0, 2.0]))
    assert ConstantModel.of(weighted).value == pytest.approx(3.75)


def test_linear_model_folder_is_small(tmp_path):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 30)))
    X.columns = X.columns.astype(str)
    plan = TabularEncoder().fit(X, rng=np.random.default_rng(0))
    LinearModel(plan, None, np.zeros((30, 1)), np.zeros(1)).save(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 12 * 1024


def test_unknown_link_is_refused(tmp_path):
    X = pd.DataFrame({"x": np.arange(20.0)})
    plan = TabularEncoder().fit(X, rng=np.random.default_rng(0))
    forest = ExtraTreesRegressor(n_estimators=2).fit(X, X["x"])
    trees = join([flatten(tree.tree_) for tree in forest.estimators_])
    TreesModel(plan, None, trees, base=np.zeros(1), link="magic").save(tmp_path)
    with pytest.raises(ValueError, match="link of a tree model"):
        TreesModel.load(tmp_path)
