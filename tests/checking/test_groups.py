from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa.checking.groups import is_group_name, likeness


def patients(n_rows: int = 400, *, name: str = "patient_id", alike: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    patient = rng.integers(0, n_rows // 8, n_rows)
    own = rng.random(n_rows // 8) < 0.5
    y = own[patient] if alike else rng.random(n_rows) < 0.5
    return pd.DataFrame(
        {
            "x": rng.normal(size=n_rows),
            name: [f"P{number:03d}" for number in patient],
            "y": np.where(y, "ill", "well"),
        }
    )


def test_patients_on_both_sides_are_a_warning(checked) -> None:
    finding = checked(patients())["group_leak"]
    assert (finding.severity, finding.columns) == ("warning", ("patient_id",))
    assert finding.evidence["likeness"] > 0.9
    assert finding.evidence["n_groups"] == 50.0


def test_group_of_numbers_counts_by_its_name(checked) -> None:
    frame = patients()
    frame["patient_id"] = frame["patient_id"].str[1:].astype(int)
    assert checked(frame)["group_leak"].columns == ("patient_id",)


def test_group_without_a_name_counts_by_likeness(checked) -> None:
    assert checked(patients(name="ref"))["group_leak"].columns == ("ref",)
    assert "group_leak" not in checked(patients(name="ref", alike=False))


def test_named_group_that_tells_nothing_is_only_information(checked) -> None:
    assert checked(patients(alike=False))["group_leak"].severity == "info"


def test_split_by_group_has_no_leak(checked) -> None:
    assert "group_leak" not in checked(patients(), validation={"group": "patient_id"})


def test_given_test_part_of_the_same_groups_is_a_warning(checked, tmp_path: Path) -> None:
    frame = patients()
    theirs = patients()[:100].assign(patient_id=[f"P{i % 100 + 25:03d}" for i in range(100)])
    theirs.to_parquet(tmp_path / "test.parquet")
    test, by_group = {"source": str(tmp_path / "test.parquet")}, {"group": "patient_id"}
    finding = checked(frame, test=test, validation=by_group)["group_leak_test"]
    # P025 to P049 of P000 to P049.
    assert (finding.severity, finding.evidence) == ("warning", {"share": 0.25})


def test_marked_test_part_of_the_same_groups_is_a_warning(checked) -> None:
    frame = patients()
    number = frame["patient_id"].str[1:].astype(int)
    by_group = {"group": "patient_id"}
    apart = checked(frame.assign(part=number < 10), test={"column": "part"}, validation=by_group)
    assert "group_leak_test" not in apart
    mixed = checked(
        frame.assign(part=frame.index < 40), test={"column": "part"}, validation=by_group
    )
    assert mixed["group_leak_test"].evidence["share"] > 0.9


@pytest.mark.parametrize(
    ("name", "is_group"),
    [("patient_id", True), ("PatientID", True), ("user", True), ("idea", False), ("width", False)],
)
def test_group_names(name: str, is_group: bool) -> None:
    assert is_group_name(name) is is_group


def test_likeness_by_hand() -> None:
    groups = np.array([0, 0, 1, 1])
    assert likeness(groups, np.array([0, 0, 1, 1]), 2) == 1.0
    assert likeness(groups, np.array([0, 1, 0, 1]), 2) == -1.0
    assert likeness(groups, np.array([1.0, 1.0, 2.0, 2.0]), None) == 1.0
    # MS between 1/4, within 9/4: (1/4 - 9/4) / (1/4 + 9/4).
    assert likeness(groups, np.array([0.0, 3.0, 1.0, 1.0]), None) == pytest.approx(-0.8)
