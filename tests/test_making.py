"""What trials make is kept by its content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa import FitContext, NotApplicable, TrainingData, making
from autometa.making import Store, make
from autometa.resolve import resolve

PARTS = Path(__file__).parent / "orchestrator" / "parts_plugin.py"


def payload(folder: Path, *, slope: float = 1.0) -> dict[str, object]:
    return {
        "learner": f"{PARTS}:SlopeLearner",
        "version": "1",
        "config": {"slope": slope, "ballast_kib": 1},
        "chain": [
            {
                "stage": "prune",
                "name": "trim",
                "factory": f"{PARTS}:Trim",
                "version": "1",
                "config": {"digits": 0},
                "consumes": ["slope"],
            }
        ],
        "fold": 0,
        "fidelity": 1.0,
        "seed": 3,
        "store": str(folder / "made"),
        "folder": str(folder),
    }


def made(folder: Path, **changes: float) -> np.ndarray:
    X = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, -3.0]})
    data = TrainingData(X=X, y=np.array([0, 1]), n_classes=2)
    context = FitContext(rng=np.random.default_rng(0))
    return make(payload(folder, **changes), data, context, "digest").predict(X)


def test_what_was_made_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FITTED", str(tmp_path / "fitted.txt"))
    first, second = made(tmp_path, slope=1.4), made(tmp_path, slope=1.4)
    assert np.array_equal(first, second)
    assert first[0, 1] == pytest.approx(1 / (1 + np.exp(-1.0)))
    made(tmp_path, slope=0.4)
    assert len((tmp_path / "fitted.txt").read_text().splitlines()) == 2


def test_damaged_model_is_made_again(tmp_path: Path) -> None:
    expected = made(tmp_path)
    for file in (tmp_path / "made").rglob("slope.json"):
        file.write_text("{")
    assert np.array_equal(made(tmp_path), expected)


def test_models_unused_for_longest_go_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "KEPT_MODELS", 3)
    for slope in (0.2, 0.4, 0.6, 0.8):
        made(tmp_path, slope=slope)
    assert len(list((tmp_path / "made").iterdir())) == 3


def test_nothing_is_kept_without_a_folder() -> None:
    assert Store(None).get(["anything"]) is None


def test_smaller_download_is_a_change() -> None:
    slope = resolve(f"{PARTS}:Slope")

    class Random(slope):  # type: ignore[misc, valid-type]
        def save(self, folder: Path) -> None:
            rng = np.random.default_rng(self.ballast)
            digits = rng.integers(0, 10, 4096) if self.ballast else np.zeros(4096, dtype=int)
            (folder / "digits.txt").write_text("".join(map(str, digits)))

    X = pd.DataFrame({"a": [0.0, 1.0], "b": [1.0, -3.0]})
    data = TrainingData(X=X, y=np.array([0, 1]), n_classes=2)
    plain, sparse = Random(1.0, 1), Random(1.0, 0)
    assert making._changed(plain, sparse, data) is sparse
    with pytest.raises(NotApplicable, match="changed nothing"):
        making._changed(plain, Random(1.0, 1), data)
