from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa.checking.moments import order_share


def dated(n_rows: int = 300, *, ordered: bool, walk: bool) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    steps = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n_rows), unit="D"),
            "y": np.cumsum(steps) if walk else steps,
        }
    )
    return frame if ordered else frame.sample(frac=1.0, random_state=0).reset_index(drop=True)


@pytest.mark.parametrize(
    ("ordered", "walk", "severity"),
    [(True, False, "warning"), (False, True, "warning"), (False, False, "info")],
    ids=["rows in order", "neighbours alike", "neither"],
)
def test_dates_under_a_random_split(checked, ordered: bool, walk: bool, severity: str) -> None:
    finding = checked(dated(ordered=ordered, walk=walk))["time_leak"]
    assert (finding.severity, finding.columns) == (severity, ("day",))
    assert "validation.time" in finding.advice


def test_classes_in_runs_are_alike(checked) -> None:
    frame = dated(ordered=False, walk=True)
    frame["y"] = np.where(frame["y"] > frame["y"].median(), "up", "down")
    finding = checked(frame)["time_leak"]
    assert finding.severity == "warning"
    assert finding.evidence["autocorrelation"] > 0.5


def test_split_by_time_has_no_leak(checked) -> None:
    assert "time_leak" not in checked(dated(ordered=True, walk=True), validation={"time": "day"})


@pytest.mark.parametrize("later", [300, 250])
def test_given_test_part_should_be_later(checked, tmp_path: Path, later: int) -> None:
    test = dated(100, ordered=True, walk=False)
    test["day"] += pd.Timedelta(days=later)
    test.to_parquet(tmp_path / "test.parquet")
    found = checked(
        dated(ordered=True, walk=True),
        test={"source": str(tmp_path / "test.parquet")},
        validation={"time": "day"},
    )
    if later == 300:
        assert "time_leak_test" not in found
    else:
        # Days 250 to 298 come before day 299, the last development row.
        assert found["time_leak_test"].evidence["share"] == 0.49


def test_order_share_by_hand() -> None:
    assert order_share(np.array([3.0, 2.0, 2.0, 1.0])) == 1.0
    assert order_share(np.array([1.0, 2.0, 1.0, 2.0, 3.0])) == 0.75
    assert order_share(np.array([1.0, 1.0])) == 0.0
