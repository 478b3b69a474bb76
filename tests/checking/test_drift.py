from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.mark.parametrize("change", ["shift", "spread", "level", "gaps"])
def test_test_part_from_elsewhere_is_a_warning(checked, clean, tmp_path: Path, change: str) -> None:
    rng = np.random.default_rng(1)
    test = clean(200, seed=9)
    if change == "shift":
        test["a"] += 1.0
    elif change == "spread":
        test["a"] *= 4.0
    elif change == "level":
        test["kind"] = rng.choice(["red", "green"], 200, p=[0.95, 0.05])
    else:
        test["a"] = test["a"].mask(rng.random(200) < 0.7)
    test.to_parquet(tmp_path / "test.parquet")
    finding = checked(clean(), test={"source": str(tmp_path / "test.parquet")})["drift"]
    assert finding.severity == "warning"
    assert finding.evidence["auc"] > 0.65
    if change in ("shift", "level"):
        assert finding.columns[0] == ("a" if change == "shift" else "kind")


def test_difference_is_in_standard_deviations(checked, clean, tmp_path: Path) -> None:
    test = clean(1000, seed=9)
    test["a"] += 1.0
    test.to_parquet(tmp_path / "test.parquet")
    finding = checked(clean(1000), test={"source": str(tmp_path / "test.parquet")})["drift"]
    assert finding.columns == ("a",)
    assert finding.evidence["difference a"] == pytest.approx(1.0, abs=0.1)


def test_test_part_of_the_same_origin_is_none(checked, clean, tmp_path: Path) -> None:
    clean(200, seed=9).to_parquet(tmp_path / "test.parquet")
    assert "drift" not in checked(clean(), test={"source": str(tmp_path / "test.parquet")})


@pytest.mark.parametrize("seed", range(3))
def test_many_columns_do_not_look_like_drift(checked, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(300, 800)), columns=[f"c{i}" for i in range(800)])
    frame["y"] = rng.choice(["u", "v"], 300)
    assert "drift" not in checked(frame, seed=seed)
