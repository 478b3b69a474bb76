"""Networks of images are compressed as those of tables are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autometa_compress.distill import DistillLinear, DistillNetwork
from autometa_compress.onnx_export import ToOnnx
from autometa_compress.onnx_model import OnnxImages
from autometa_compress.prune import Prune
from autometa_compress.quantize import KINDS, Quantize
from autometa_compress.teaching import invented_rows

from autometa import CompressContext, FitContext, Model, NotApplicable, TrainingData
from autometa.onnxgraph.feeds import OnnxFile

N = 120


def rows() -> TrainingData:
    """A bright row of pixels at the top or at the bottom."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (N, 12, 12, 1), dtype=np.uint8)
    y = (np.arange(N) % 2).astype(np.int64)
    images[np.arange(N), np.where(y, 9, 2)] += 150
    return TrainingData(X=images, y=y, n_classes=2, names=("top", "bottom"))


@pytest.fixture(scope="module", params=["cnn", "residual_cnn"])
def fitted(request: pytest.FixtureRequest) -> tuple[Any, CompressContext]:
    from autometa_torch.learners.cnn import CNN
    from autometa_torch.learners.residual_cnn import ResidualCNN

    kind, depth = (CNN, "depth") if request.param == "cnn" else (ResidualCNN, "stages")
    data = rows()
    context = CompressContext(data, FitContext(rng=np.random.default_rng(1)), {"cnn": CNN})
    return kind({"width": 16, depth: 2}).fit(data, context.fit), context


def agreement(first: Model, second: Model, X: Any) -> float:
    return float((first.predict(X).argmax(1) == second.predict(X).argmax(1)).mean())


def file_answers(model: Model, folder: Path, X: Any) -> Any:
    model.export("onnx", folder)
    (answers,) = OnnxFile(folder / "model.onnx").predict(X).values()
    return answers


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.5, 0.97])
def test_pruned_network_has_fewer_channels_and_is_loaded_again(
    fitted: tuple[Any, CompressContext], ratio: float, tmp_path: Path
) -> None:
    network, context = fitted
    X = context.data.X
    pruned: Any = Prune({"ratio": ratio}).compress(network, context)
    sizes = [sum(p.numel() for p in m.module.parameters()) for m in (network, pruned)]
    assert sizes[1] < 0.5 * sizes[0]
    assert ratio > 0.9 or agreement(network, pruned, X) > 0.95
    pruned.save(tmp_path)
    assert np.array_equal(type(pruned).load(tmp_path).predict(X), pruned.predict(X))
    assert np.allclose(file_answers(pruned, tmp_path, X), pruned.predict(X), atol=1e-4)


@pytest.mark.slow
def test_student_of_images_follows_the_teacher(fitted: tuple[Any, CompressContext]) -> None:
    network, context = fitted
    student: Any = DistillNetwork({"width": 16, "layers": 1}).compress(network, context)
    widths = [layer.out_channels for layer in student.module.convolutions]
    assert widths == [4, 8]
    assert agreement(network, student, context.data.X) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_file_from_bytes_says_what_the_graph_says(
    fitted: tuple[Any, CompressContext], kind: str, tmp_path: Path
) -> None:
    network, context = fitted
    X = context.data.X
    graph: Any = ToOnnx({}).compress(network, context)
    assert np.allclose(graph.predict(X), network.predict(X), atol=1e-4)
    model = graph if kind == "none" else Quantize({"kind": kind}).compress(graph, context)
    assert np.allclose(file_answers(model, tmp_path, X), model.predict(X), atol=1e-3)
    assert agreement(network, model, X) > 0.95
    place = tmp_path / "saved"
    place.mkdir()
    model.save(place)
    assert np.array_equal(OnnxImages.load(place).predict(X), model.predict(X))
    if kind not in ("none", "int8_dynamic"):  # the dynamic kind leaves convolutions as they are
        assert len(model.core) < 0.7 * len(graph.core)


def test_invented_images_are_moved_ones() -> None:
    images = np.zeros((1, 14, 14, 1), dtype=np.uint8)
    images[0, 7, 7] = 200
    made = invented_rows(images, 200, np.random.default_rng(0))
    places = {tuple(np.argwhere(image[:, :, 0])[0]) for image in made}
    assert places == {(y, x) for y in (6, 7, 8) for x in (6, 7, 8)}


def test_student_that_takes_no_images_is_declined() -> None:
    data = rows()
    context = CompressContext(data, FitContext(rng=np.random.default_rng(1)))
    with pytest.raises(NotApplicable, match="DistillLinear has no student of images"):
        DistillLinear({}).compress(_Never(), context)


class _Never(Model):
    format = "never"

    def predict(self, X: Any) -> Any:
        raise AssertionError("the teacher is asked for nothing")

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> _Never:
        return cls()
