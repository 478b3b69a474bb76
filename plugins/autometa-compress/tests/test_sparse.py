"""Single weights go, and the download shrinks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from autometa_compress.sparse import Sparsify, download_kib
from autometa_tabular.learners.logistic import Logistic

from autometa import CompressContext, FitContext, NotApplicable, TrainingData

pytestmark = pytest.mark.slow


def rows(n: int = 300) -> TrainingData:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    y = (X["a"] * X["b"] > 0).to_numpy().astype(np.int64)
    return TrainingData(X=X, y=y, n_classes=2, names=("no", "yes"))


def context(data: TrainingData) -> CompressContext:
    return CompressContext(data, FitContext(rng=np.random.default_rng(1)))


@pytest.fixture(scope="module")
def whole() -> Any:
    from autometa_torch.learners.mlp import MLP

    data = rows()
    return MLP({"hidden_width": 64, "hidden_layers": 2}).fit(data, context(data).fit)


def weights(model: Any) -> list[Any]:
    from torch import nn

    layers = [layer for layer in model.module.modules() if isinstance(layer, nn.Linear)]
    return [layer.weight.detach().numpy() for layer in layers]


def test_weights_go_and_the_rest_answers_as_before(whole: Any) -> None:
    data = rows()
    sparse: Any = Sparsify({"sparsity": 0.8}).compress(whole, context(data))
    zeros = sum((w == 0).sum() for w in weights(sparse))
    assert zeros == round(0.8 * sum(w.size for w in weights(sparse)))
    assert not any((w == 0).any() for w in weights(whole))
    assert download_kib(sparse) < 0.5 * download_kib(whole)
    agreed = sparse.predict(data.X).argmax(1) == whole.predict(data.X).argmax(1)
    assert agreed.mean() > 0.9


def test_every_layer_keeps_a_weight(whole: Any) -> None:
    data = rows()
    sparse = Sparsify({"sparsity": 0.98, "refit": 0.1}).compress(whole, context(data))
    assert all((w != 0).any() for w in weights(sparse))


def test_score_is_the_share_of_the_squares_that_are_left() -> None:
    import torch
    from autometa_compress.sparse import _layer_adaptive

    scores = _layer_adaptive(torch.tensor([[2.0, -1.0], [3.0, 0.0]]))
    expected = [[4 / (4 + 9), 1 / (1 + 4 + 9)], [1.0, 0.0]]
    assert np.allclose(scores.numpy(), expected)


def test_weights_that_go_without_a_gain_are_declined(whole: Any) -> None:
    data = rows()
    n_weights = sum(w.size for w in weights(whole))
    with pytest.raises(NotApplicable, match="no weight of"):
        Sparsify({"sparsity": 0.4 / n_weights}).compress(whole, context(data))
    with pytest.raises(NotApplicable, match="its download does not shrink"):
        Sparsify({"sparsity": 1.1 / n_weights}).compress(whole, context(data))


def test_model_without_layers_is_declined() -> None:
    data = rows()
    model = Logistic({}).fit(data, context(data).fit)
    with pytest.raises(NotApplicable, match="a linear model has no weights of layers"):
        Sparsify({}).compress(model, context(data))
