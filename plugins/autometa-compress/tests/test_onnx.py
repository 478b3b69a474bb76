"""Graphs say what the network says, in fewer bits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from autometa_compress.onnx_export import ToOnnx
from autometa_compress.onnx_model import OnnxModel
from autometa_compress.quantize import KINDS, Quantize

from autometa import CompressContext, FitContext, Model, NotApplicable, TrainingData
from autometa.onnxgraph.feeds import run_batches

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["classification", "regression"])
def made(request: pytest.FixtureRequest) -> tuple[Model, OnnxModel, CompressContext]:
    from autometa_torch.learners.mlp import MLP

    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    X["d"] = pd.Categorical(rng.choice(["x", "y"], 300))
    score = (X["a"] * 2 + (X["d"] == "x")).to_numpy()
    is_classes = request.param == "classification"
    y = (score > 0.5).astype(np.int64) if is_classes else 100.0 + 30.0 * score
    data = TrainingData(X=X, y=y, n_classes=2 if is_classes else None)
    context = CompressContext(data, FitContext(rng=np.random.default_rng(1)))
    network = MLP({"hidden_width": 128, "hidden_layers": 2}).fit(data, context.fit)
    graph = ToOnnx({}).compress(network, context)
    assert isinstance(graph, OnnxModel)
    return network, graph, context


def test_graph_predicts_as_the_network(made: tuple[Model, OnnxModel, CompressContext]) -> None:
    network, graph, context = made
    X = context.data.X
    assert np.allclose(graph.predict(X), network.predict(X), rtol=1e-4, atol=1e-5)
    assert graph.predict(X[:0]).shape == network.predict(X[:0]).shape


@pytest.mark.parametrize("kind", KINDS)
def test_quantized_graph_is_smaller_and_near(
    made: tuple[Model, OnnxModel, CompressContext], kind: str, tmp_path: Path
) -> None:
    _, graph, context = made
    small = Quantize({"kind": kind}).compress(graph, context)
    assert isinstance(small, OnnxModel)
    assert len(small.core) < 0.65 * len(graph.core)
    answers, exact = small.predict(context.data.X), graph.predict(context.data.X)
    assert 0 < np.abs(answers - exact).max() < 0.1 * np.ptp(exact)
    small.save(tmp_path)
    assert np.array_equal(OnnxModel.load(tmp_path).predict(context.data.X), answers)


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_file_from_raw_columns_says_the_same(
    made: tuple[Model, OnnxModel, CompressContext], kind: str, tmp_path: Path
) -> None:
    import onnxruntime

    _, graph, context = made
    X = context.data.X[:50]
    model = graph if kind == "none" else Quantize({"kind": kind}).compress(graph, context)
    model.export("onnx", tmp_path)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    feeds = {name: X[name].to_numpy(np.float32)[:, None] for name in "abc"}
    feeds["d"] = X["d"].astype(object).to_numpy()[:, None]
    if kind == "int8_dynamic":  # it takes one row: none can change the answer of another
        with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
            session.run(None, feeds)
    found = run_batches(session, [session.get_outputs()[0].name], feeds)[0]
    expected = model.predict(X)
    assert np.allclose(found.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_answered_alike_whatever_stands_beside_it(
    made: tuple[Model, OnnxModel, CompressContext], kind: str
) -> None:
    _, graph, context = made
    model = Quantize({"kind": kind}).compress(graph, context)
    X = context.data.X[:20].copy()
    alone = model.predict(X)
    X.loc[19, "a"] = 1e6
    assert np.allclose(model.predict(X)[:19], alone[:19], rtol=1e-6)


AFTER_ANOTHER_JOB = """
import sys
path = list(sys.path)
import onnxruntime.transformers.float16
sys.path[:] = path  # as a worker leaves it
from autometa_compress.quantize import _quantization
print(_quantization().quantize_static.__name__)
"""


def test_quantizer_loads_in_a_worker_that_halved_a_graph_before() -> None:
    command = [sys.executable, "-W", "ignore", "-c", AFTER_ANOTHER_JOB]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "quantize_static\n", done.stderr


def test_foreign_model_is_declined(made: tuple[Model, OnnxModel, CompressContext]) -> None:
    network, _, context = made
    with pytest.raises(NotApplicable, match="needs a graph that to_onnx wrote"):
        Quantize({}).compress(network, context)
