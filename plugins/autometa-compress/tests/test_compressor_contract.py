"""Every compressor keeps the contract."""

from __future__ import annotations

import pytest

from autometa.testing import CompressorContract


@pytest.mark.slow
class TestPruneForest(CompressorContract):
    spec = "prune"
    learner = "extra_trees"
    problem = "multiclass"


class TestPruneBoosting(CompressorContract):
    spec = "prune"
    learner = "lightgbm"
    problem = "regression"


@pytest.mark.slow
class TestPruneNetwork(CompressorContract):
    spec = "prune"
    learner = "mlp"
    problem = "binary"


class TestDistillLinear(CompressorContract):
    spec = "distill_linear"
    learner = "hist_boosting"
    problem = "binary"


@pytest.mark.slow
class TestDistillBoosting(CompressorContract):
    spec = "distill_boosting"
    learner = "extra_trees"
    problem = "regression"


@pytest.mark.slow
class TestDistillNetwork(CompressorContract):
    spec = "distill_network"
    learner = "lightgbm"
    problem = "multiclass"


@pytest.mark.slow
class TestToOnnx(CompressorContract):
    spec = "to_onnx"
    learner = "mlp"
    problem = "multiclass"


@pytest.mark.slow
class TestPruneImageNetwork(CompressorContract):
    spec = "prune"
    learner = "residual_cnn"
    problem = "multiclass"
    modality = "image"


@pytest.mark.slow
class TestDistillImageNetwork(CompressorContract):
    spec = "distill_network"
    learner = "residual_cnn"
    problem = "binary"
    modality = "image"


@pytest.mark.slow
class TestDistillFeatures(CompressorContract):
    spec = "distill_features"
    learner = "mlp"
    problem = "regression"


@pytest.mark.slow
class TestDistillGradients(CompressorContract):
    spec = "distill_gradients"
    learner = "mlp"
    problem = "multiclass"


@pytest.mark.slow
class TestDistillGradientsOfImages(CompressorContract):
    spec = "distill_gradients"
    learner = "residual_cnn"
    problem = "regression"
    modality = "image"


@pytest.mark.slow
class TestSparsify(CompressorContract):
    spec = "sparsify"
    learner = "mlp"
    problem = "regression"


@pytest.mark.slow
class TestImagesToOnnx(CompressorContract):
    spec = "to_onnx"
    learner = "cnn"
    problem = "regression"
    modality = "image"


@pytest.mark.slow
class TestQuantize(CompressorContract):
    spec = "quantize"
