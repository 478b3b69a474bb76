from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from autometa.checking import duplicates
from autometa.errors import DataError


def test_fault_28_rows_in_both_parts_are_a_warning(checked, clean) -> None:
    frame = pd.concat([clean(200), clean(200)[:60]], ignore_index=True)
    found = checked(frame)
    assert found["duplicates_test"].severity == "warning"
    assert found["duplicates_folds"].severity == "warning"
    # Of 60 pairs a test row's twin is in the development part with probability .8.
    assert 10 <= found["duplicates_test"].evidence["n_rows"] <= 40


def test_fault_28_counts_are_exact(checked, clean, tmp_path: Path) -> None:
    train, test = clean(200), clean(100, seed=9)
    test.iloc[:25] = train.iloc[:25].to_numpy()
    test.to_parquet(tmp_path / "test.parquet")
    found = checked(train, test={"source": str(tmp_path / "test.parquet")})
    finding = found["duplicates_test"]
    assert finding.evidence == {"n_rows": 25.0, "share": 0.25}
    assert finding.message.startswith("25 of 100 test rows (25 %) have the same features")


def test_test_file_that_was_seen_is_an_error(checked, clean, tmp_path: Path) -> None:
    frame = clean(200)
    frame.to_parquet(tmp_path / "test.parquet")
    finding = checked(frame, test={"source": str(tmp_path / "test.parquet")})["duplicates_test"]
    assert finding.severity == "error"
    assert finding.evidence["share"] == 1.0


def test_rows_of_few_possible_values_may_repeat(checked) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 3, (300, 3)), columns=list("abc"))
    frame["y"] = rng.choice(["u", "v"], 300)
    found = checked(frame)
    assert found["duplicates_test"].severity == "info"
    assert found["duplicates_folds"].severity == "info"


@pytest.mark.parametrize("n_copies", [10, 60])
def test_fault_28_copies_show_among_rows_that_are_alike(checked, n_copies: int) -> None:
    frame = load_iris(as_frame=True).frame  # rows that differ in one column only are common
    found = checked(pd.concat([frame, frame[:n_copies]], ignore_index=True), target="target")
    assert found["duplicates_folds"].severity == "warning"


def test_rows_of_coarse_values_are_copies_when_their_targets_repeat(checked) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 3, (60, 4)), columns=list("abcd"))
    frame["y"] = rng.normal(size=60)
    assert checked(frame)["duplicates_folds"].severity == "info"
    distinct = frame.drop_duplicates(["a", "b", "c", "d"])
    found = checked(pd.concat([distinct, distinct], ignore_index=True))
    assert found["duplicates_folds"].severity == "warning"


def test_equal_rows_hash_equal_whatever_stands_for_nothing(checked, clean) -> None:
    frame = clean(100)
    frame["gap"] = np.nan
    frame.loc[0, "gap"] = 1.0
    frame["zero"] = np.where(np.arange(100) % 2, 0.0, -0.0)
    frame.loc[0, "zero"] = 1.0
    twice = pd.concat([frame, frame], ignore_index=True)
    found = checked(twice, validation={"test_fraction": 0.5})
    assert found["duplicates_test"].evidence["share"] > 0.3


def test_texts_count_as_well(checked, clean) -> None:
    frame = clean(100)[["y"]]
    frame["text"] = [f"words number {i} are these {i * 7}" for i in range(100)]
    assert "duplicates_folds" not in checked(frame)
    doubled = pd.concat([frame, frame[:50]], ignore_index=True)
    assert checked(doubled)["duplicates_folds"].evidence["n_rows"] > 50


def test_large_tables_are_looked_at_in_two_steps(
    checked, clean, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.concat([clean(300), clean(300)[:60]], ignore_index=True)
    whole = checked(frame)["duplicates_test"].evidence
    monkeypatch.setattr(duplicates, "_MOST_HASHED", 1700)  # of 1,800 cells
    assert checked(frame)["duplicates_test"].evidence == whole


def test_rows_equal_in_some_columns_are_not_equal(
    checked, clean, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = clean(300)
    frame[["a", "b", "c"]] = 0.0
    frame.loc[0, ["a", "b", "c"]] = 1.0
    monkeypatch.setattr(duplicates, "_MOST_HASHED", 1400)
    assert "duplicates_test" not in checked(frame)


def test_refusal_names_what_to_do() -> None:
    from autometa.checking.finding import Finding, refuse

    said: dict[str, Any] = {"severity": "error", "columns": [], "evidence": {}}
    finding = Finding.from_json({**said, "check": "a", "message": "Bad.", "advice": "Mend it."})
    with pytest.raises(DataError, match=r"^Bad\. Mend it\.$"):
        refuse([finding])
