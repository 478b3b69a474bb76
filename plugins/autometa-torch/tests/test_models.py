"""What a compressor relies on: a module, its shape, and what its outputs mean."""

from __future__ import annotations

import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
from autometa_torch import NetworkModel
from autometa_torch.learners.mlp import MLP
from autometa_torch.learners.resnet import ResNet
from autometa_torch.networks import build

from autometa.testing.data import make_table
from autometa.testing.subject import context

PROBLEMS = ("multiclass", "regression")


@pytest.fixture(scope="module", params=(MLP, ResNet), ids=("mlp", "resnet"))
def learner(request):
    return request.param


@pytest.fixture(scope="module", params=PROBLEMS)
def fitted(request, learner) -> tuple[NetworkModel, object]:
    table = make_table("mixed", request.param, n_rows=120)
    return learner({}).fit(table.train, context()), table


def test_predictions_are_the_read_outputs_of_the_module(fitted) -> None:
    model, table = fitted
    with torch.no_grad():
        raw = model.module(model.encode(table.X)).numpy()
    assert raw.shape == (len(table.X), model.n_classes or 1)
    assert np.allclose(model.outputs.read(raw), model.predict(table.X))


def test_module_is_left_in_evaluation_mode_without_noise(fitted) -> None:
    model, _ = fitted
    assert not model.module.training
    assert isinstance(model.module.noise, torch.nn.Identity)
    assert not any(parameter.grad is not None for parameter in model.module.parameters())


def test_another_module_leaves_the_model_as_it_was(fitted, tmp_path) -> None:
    model, table = fitted
    before = model.predict(table.X)
    other = copy.deepcopy(model.module)
    with torch.no_grad():
        other.head.weight.zero_()
    changed = model.with_module(other)
    assert np.array_equal(model.predict(table.X), before)
    assert np.ptp(changed.predict(table.X), axis=0).max() < 1e-6


def test_narrower_layers_survive_a_save(fitted, tmp_path) -> None:
    model, table = fitted
    shape = model.module.architecture()
    narrow = build({**shape, "hidden": [3 + i for i, _ in enumerate(shape["hidden"])]})
    narrow.initialise(torch.Generator().manual_seed(0))
    narrow.finish()
    changed = model.with_module(narrow)
    changed.save(tmp_path)
    loaded = type(model).load(tmp_path)
    assert loaded.module.architecture()["hidden"] == [3 + i for i in range(len(shape["hidden"]))]
    assert np.array_equal(loaded.predict(table.X), changed.predict(table.X))


def test_weights_that_do_not_fit_are_refused(fitted, tmp_path) -> None:
    model, _ = fitted
    model.save(tmp_path)
    path = tmp_path / "network.json"
    path.write_text(path.read_text().replace('"n_outputs": ', '"n_outputs": 1'))
    with pytest.raises(ValueError, match="cannot read a network"):
        type(model).load(tmp_path)


def test_onnx_file_predicts_the_same(learner, tmp_path) -> None:
    session_of = pytest.importorskip("onnxruntime").InferenceSession
    for problem in PROBLEMS:
        table = make_table("numeric", problem, n_rows=60)
        model = learner({}).fit(table.train, context())
        model.export("onnx", tmp_path)
        session = session_of(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
        feeds = {name: table.X[[name]].to_numpy(np.float32) for name in table.X.columns}
        (answer,) = session.run(None, feeds)
        expected = model.predict(table.X).reshape(len(table.X), -1)
        assert np.allclose(answer, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_making_layers_imports_nothing_heavy_and_draws_nothing() -> None:
    code = (
        "import sys, torch; from autometa_torch.networks import CNNNetwork, MLPNetwork\n"
        "before = torch.get_rng_state()\n"
        "MLPNetwork(3, [8], 2); CNNNetwork(1, [4], [True], 2, reduce=1)\n"
        "assert torch.equal(before, torch.get_rng_state())\n"
        "print('sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
