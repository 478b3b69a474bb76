"""The compressor keeps the contract, and rounds as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from autometa_example.centroid import CentroidModel, NearestCentroid
from autometa_example.rounding import RoundCentroids, round_to_bits

from autometa import CompressContext, FitContext, NotApplicable, TrainingData
from autometa.testing import CompressorContract


class TestRoundCentroids(CompressorContract):
    spec = "round_centroids"
    learner = "nearest_centroid"


def fitted() -> tuple[CentroidModel, CompressContext]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(50, 200)), columns=[f"x{i}" for i in range(200)])
    data = TrainingData(X=X, y=np.arange(50) % 5, n_classes=5)
    context = FitContext(rng=rng)
    return NearestCentroid({}).fit(data, context), CompressContext(data=data, fit=context)


def size(model: CentroidModel, folder: Path) -> int:
    folder.mkdir()
    model.save(folder)
    return (folder / "centroids.npy").stat().st_size


def test_half_the_bits_take_half_the_room(tmp_path: Path) -> None:
    model, context = fitted()
    small = RoundCentroids({"bits": 10}).compress(model, context)
    assert isinstance(small, CentroidModel)
    header = 128
    assert size(small, tmp_path / "small") - header == (size(model, tmp_path / "full") - header) / 2
    X = context.data.X
    assert np.abs(small.predict(X) - model.predict(X)).max() < 1e-3


def test_all_bits_change_nothing() -> None:
    model, context = fitted()
    assert RoundCentroids({"bits": 23}).compress(model, context) is model


def test_rounding_matches_float16() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    expected = values.astype(np.float16).astype(np.float32)
    assert np.array_equal(round_to_bits(values, 10), expected)


def test_mean_that_needs_more_than_16_bits_is_declined() -> None:
    model, context = fitted()
    model.centroids = model.centroids * np.float32(1e6)
    with pytest.raises(NotApplicable, match="too large"):
        RoundCentroids({"bits": 8}).compress(model, context)
