"""Pruning takes away what it says, and fits what is left to the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from autometa_compress.prune import Prune
from autometa_tabular.learners.extra_trees import ExtraTrees
from autometa_tabular.learners.hist_boosting import HistBoosting
from autometa_tabular.learners.lightgbm import LightGBM

from autometa import CompressContext, FitContext, Model, NotApplicable, TrainingData

LEARNERS = [ExtraTrees, HistBoosting, LightGBM]
SIZES = {ExtraTrees: {"n_trees": 60}, HistBoosting: {}, LightGBM: {"max_rounds": 150}}


def rows(problem: str, n: int = 400) -> TrainingData:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    X["e"] = pd.Categorical(rng.choice(["x", "y", "z"], n))
    score = X["a"] * 2 + X["b"] ** 2 - (X["e"] == "x") * 1.5 + rng.normal(size=n) * 0.1
    if problem == "regression":
        return TrainingData(X=X, y=score.to_numpy(), n_classes=None)
    k = 2 if problem == "binary" else 3
    y = np.digitize(score, np.quantile(score, np.linspace(0, 1, k + 1)[1:-1])).astype(np.int64)
    return TrainingData(X=X, y=y, n_classes=k, names=tuple("pqr"[:k]))


def context(data: TrainingData) -> CompressContext:
    return CompressContext(data=data, fit=FitContext(rng=np.random.default_rng(1)))


def size(model: Model, folder: Path) -> int:
    folder.mkdir()
    model.save(folder)
    return sum(path.stat().st_size for path in folder.iterdir() if path.name != "plan.json")


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("learner", LEARNERS)
def test_pruned_trees_are_smaller_and_nearer_than_cut_ones(
    learner: Any, problem: str, tmp_path: Path
) -> None:
    data, fresh = rows(problem), rows(problem, 1200).X[400:]
    whole: Any = learner(SIZES[learner]).fit(data, context(data).fit)
    pruned: Any = Prune({"ratio": 0.7}).compress(whole, context(data))
    assert pruned.n_rounds == max(1, round(0.3 * whole.n_rounds))
    assert size(pruned, tmp_path / "pruned") < 0.5 * size(whole, tmp_path / "whole")
    target = whole.predict(fresh)
    cut = whole.first_rounds(pruned.n_rounds)
    distance = np.abs(pruned.predict(fresh) - target).mean()
    assert distance < 0.95 * np.abs(cut.predict(fresh) - target).mean()


@pytest.mark.parametrize("learner", LEARNERS)
def test_leaves_and_values_sum_to_the_raw_output(learner: Any) -> None:
    data = rows("multiclass")
    model: Any = learner(SIZES[learner]).fit(data, context(data).fit)
    reached = model.leaf_values[model.leaves(data.X)]  # (n, t, c)
    k = model.raw(data.X).shape[1]
    sums = reached.reshape(len(data), -1, k).sum(axis=1)
    base = model.raw(data.X) - sums
    assert np.ptp(base, axis=0).max() < 1e-4


def test_all_rounds_and_the_same_values_change_nothing() -> None:
    data = rows("binary")
    for learner in LEARNERS:
        model: Any = learner(SIZES[learner]).fit(data, context(data).fit)
        same = model.first_rounds(model.n_rounds).with_leaf_values(model.leaf_values)
        assert np.allclose(same.predict(data.X), model.predict(data.X), atol=1e-6)


def test_ratio_that_takes_no_tree_is_declined() -> None:
    data = rows("binary")
    model = LightGBM({"max_rounds": 3}).fit(data, context(data).fit)
    with pytest.raises(NotApplicable, match="of 3 trees none goes"):
        Prune({"ratio": 0.1}).compress(model, context(data))


@pytest.mark.slow
def test_pruned_network_has_fewer_units_and_still_answers() -> None:
    from autometa_torch.learners.mlp import MLP

    data = rows("binary")
    whole: Any = MLP({"hidden_width": 64, "hidden_layers": 2}).fit(data, context(data).fit)
    pruned: Any = Prune({"ratio": 0.5}).compress(whole, context(data))
    assert [layer.out_features for layer in pruned.module.layers] == [32, 32]
    assert [layer.out_features for layer in whole.module.layers] == [64, 64]
    agreed = pruned.predict(data.X).argmax(1) == whole.predict(data.X).argmax(1)
    assert agreed.mean() > 0.9
