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
