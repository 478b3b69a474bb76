from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from autometa.checking.leaks import rank_auc


def test_fault_22_copy_of_the_target_is_a_warning(checked, clean) -> None:
    frame = clean()
    frame["copy"] = frame["y"].map({"yes": "approved", "no": "refused"})
    finding = checked(frame)["target_copy"]
    assert finding.severity == "warning"
    assert finding.columns == ("copy",)
    assert finding.evidence["auc"] == 1.0
    assert finding.message == "'copy' is a copy of the target 'y'."


def test_fault_22_column_with_perfect_auc_is_a_warning(checked, clean) -> None:
    frame = clean()
    rng = np.random.default_rng(1)
    frame["leak"] = np.where(frame["y"] == "yes", 3.0, -3.0) + rng.uniform(-2, 2, len(frame))
    finding = checked(frame)["target_leak"]
    assert (finding.severity, finding.columns) == ("warning", ("leak",))
    assert finding.evidence["auc"] == 1.0
    assert finding.evidence["score"] == 1.0


def test_leak_that_is_not_monotone_is_found(checked, clean) -> None:
    frame = clean()
    inside = np.random.default_rng(1).uniform(-1, 1, len(frame))
    frame["band"] = np.where(frame["y"] == "yes", inside, np.sign(inside) * 5 + inside)
    assert checked(frame)["target_leak"].columns == ("band",)


def test_gaps_can_leak(checked, clean) -> None:
    frame = clean()
    frame["died"] = np.where(frame["y"] == "yes", np.arange(len(frame)) % 7, np.nan)
    assert "died" in checked(frame)["target_leak"].columns


def test_copy_of_a_numeric_target_is_found(checked, clean) -> None:
    frame = clean(problem="regression")
    frame["again"] = frame["y"]
    assert checked(frame)["target_copy"].columns == ("again",)


def test_target_in_another_unit_is_found(checked, clean) -> None:
    frame = clean(problem="regression")
    frame["fahrenheit"] = 1.8 * frame["y"] + 32
    assert checked(frame)["target_leak"].columns == ("fahrenheit",)


def test_leak_among_many_columns_is_found(checked) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 600)), columns=[f"c{i}" for i in range(600)])
    frame["y"] = rng.choice(["u", "v", "w"], 200)
    frame["c333"] = frame["y"].map({"u": 2.0, "v": 0.0, "w": 1.0})
    assert checked(frame)["target_copy"].columns == ("c333",)


def test_strong_but_honest_feature_is_no_leak(checked, clean) -> None:
    frame = clean()
    noise = np.random.default_rng(1).normal(size=len(frame))
    frame["strong"] = (frame["y"] == "yes") + 0.35 * noise  # AUC .98
    assert "target_leak" not in checked(frame)


@pytest.mark.parametrize(
    ("x", "y", "area"),
    [
        ([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1], 1.0),
        ([1.0, 1.0, 1.0], [0, 1, 1], 0.5),
        ([np.nan, 2.0, 1.0], [1, 0, 0], 1.0),
        ([1.0, 2.0], [1, 1], 0.5),
    ],
    ids=["perfect", "ties", "missing ranks lowest", "one class"],
)
def test_rank_auc(x: list[float], y: list[int], area: float) -> None:
    assert rank_auc(np.array(x), np.array(y)) == area


def test_rank_auc_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    x = np.round(rng.normal(size=500) + y, 1)
    assert rank_auc(x, y) == pytest.approx(roc_auc_score(y, x), abs=1e-12)
