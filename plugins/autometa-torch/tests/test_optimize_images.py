"""A task over images, from an npz file to predictions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import autometa


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_images_are_searched_delivered_and_predicted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["low", "high"])[np.arange(120) % 2]
    images = rng.integers(0, 100, (120, 8, 8), dtype=np.uint8)
    images[np.arange(120), np.where(labels == "low", 6, 1)] += 150
    np.savez(tmp_path / "bars.npz", images=images, label=labels)
    (tmp_path / "task.yaml").write_text(
        "name: bars\ndata: {source: bars.npz, target: label}\nbudget: {trials: 2, seconds: 100}\n"
        "limits: {trial_seconds: 40, workers: 1}\nknowledge: []\ntracking: none\n"
    )
    _autometa(tmp_path, "optimize", "task.yaml", "--quiet")
    model = next(tmp_path.rglob("manifest.json")).parent
    _autometa(tmp_path, "predict", str(model), "bars.npz", "--output", "out.csv")
    predicted = pd.read_csv(tmp_path / "out.csv")["prediction"].to_numpy()
    assert (predicted == labels).mean() > 0.9
    loaded = autometa.load_model(model)
    assert loaded.manifest["image_shape"] == [8, 8, 1]
    with pytest.raises(autometa.DataError, match="shape"):
        loaded.predict(images[:, :4])
    pytest.importorskip("onnxruntime")
    _autometa(tmp_path, "export", str(model), "--output", "edge", "--data", "bars.npz")
    _check_alone(tmp_path / "edge", images, predicted)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_device_gets_one_file_that_takes_images(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = rng.integers(0, 100, (90, 8, 8, 3), dtype=np.uint8)
    images[np.arange(90), 2 * labels + 1] += 150
    np.savez(tmp_path / "bars.npz", images=images, label=labels)
    (tmp_path / "task.yaml").write_text(
        "name: bars\ndata: {source: bars.npz, target: label}\nbudget: {trials: 2, seconds: 100}\n"
        "target: {profile: edge-cpu, size_kib: 2000, latency_ms: 1000, memory_mib: 1000}\n"
        "limits: {trial_seconds: 40, workers: 1}\nknowledge: []\ntracking: none\n"
    )
    _autometa(tmp_path, "optimize", "task.yaml", "--quiet")
    model = next(tmp_path.rglob("manifest.json")).parent
    loaded = autometa.load_model(model)
    found = loaded.manifest["export"]
    assert found["parity"] <= 1e-4
    assert 0 < found["size_kib"] <= 2000
    _check_alone(model, images, loaded.predict(images))


def _check_alone(folder: Path, images: np.ndarray, predicted: np.ndarray) -> None:
    """Runs the script of an export on its vector, then on images."""
    script = [sys.executable, "-I", folder / "predict.py"]
    assert subprocess.run(script, capture_output=True, text=True, check=True).stdout == "ok\n"
    np.save(folder.with_name("images.npy"), images)
    script.append(folder.with_name("images.npy"))
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    lines = [line.split(",")[0] for line in done.stdout.splitlines()]
    assert lines == ["label", *map(str, predicted)]


def _autometa(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "autometa", *arguments],
        cwd=folder,
        env={**os.environ, "AUTOMETA_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
