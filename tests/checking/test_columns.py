from __future__ import annotations

import numpy as np
import pandas as pd
import pytest


def test_fault_16_infinite_values_are_told(checked, clean) -> None:
    frame = clean()
    frame.loc[:4, "a"] = np.inf
    finding = checked(frame)["infinite_values"]
    assert (finding.severity, finding.columns) == ("warning", ("a",))
    assert finding.evidence == {"n_values": 5.0}


def test_fault_17_mixed_values_are_told(checked, clean) -> None:
    frame = clean()
    frame["mixed"] = np.where(
        np.arange(len(frame)) % 40 == 0, "a", (np.arange(400) % 9).astype(str)
    )
    finding = checked(frame)["mixed_values"]
    assert (finding.severity, finding.columns) == ("warning", ("mixed",))


def test_faults_14_15_21_columns_that_were_left_out_are_told(checked, clean) -> None:
    frame = clean()
    frame["code"] = [f"row{i}" for i in range(len(frame))]
    frame["same"] = 1
    frame["nothing"] = np.nan
    found = checked(frame)
    assert found["id_columns"].columns == ("code",)
    assert found["constant_columns"].columns == ("same",)
    assert found["empty_columns"].columns == ("nothing",)
    assert found["constant_columns"].line == (
        "info: Left out, every value is the same: 'same'. Nothing must be done. (constant_columns)"
    )


def test_row_numbers_are_a_warning(checked, clean) -> None:
    frame = clean()
    frame["row"] = np.arange(1000, 1000 + len(frame))
    assert checked(frame)["row_counter"].columns == ("row",)
    assert "row_counter" not in checked(frame.assign(row=np.arange(len(frame)) * 60))


def test_fault_20_dates_that_were_not_read_are_told(checked, clean) -> None:
    frame = clean()
    days = pd.date_range("2024-01-30", periods=len(frame))
    frame["number"] = days.strftime("%Y%m%d").astype(int)
    frame["mixed"] = [day.strftime("%d.%m.%Y" if day.day % 2 else "%Y-%m-%d") for day in days]
    found = checked(frame)
    assert (found["numeric_dates"].severity, found["numeric_dates"].columns) == (
        "info",
        ("number",),
    )
    assert found["mixed_dates"].columns == ("mixed",)
    assert "numeric_dates" not in checked(frame.assign(number=20241301 + np.arange(len(frame))))


@pytest.mark.parametrize(("share", "severity"), [(0.6, "info"), (0.97, "warning")])
def test_many_gaps(checked, clean, share: float, severity: str) -> None:
    frame = clean()
    frame["a"] = frame["a"].mask(np.arange(len(frame)) % 100 < 100 * share)
    finding = checked(frame)["many_missing"]
    assert (finding.severity, finding.columns) == (severity, ("a",))
    assert finding.evidence["share"] == pytest.approx(share, abs=0.02)


def test_category_with_a_level_for_nearly_every_row_is_a_warning(checked, clean) -> None:
    frame = clean()
    frame["ticket"] = [f"T{i % 300}" for i in range(len(frame))]
    assert checked(frame)["many_levels"].severity == "warning"


def test_category_with_many_levels_is_information(checked, clean) -> None:
    frame = clean(2000)
    frame["town"] = [f"T{i}" for i in np.random.default_rng(0).integers(0, 150, len(frame))]
    finding = checked(frame)["many_levels"]
    assert (finding.severity, finding.evidence["n_levels"]) == ("info", 150.0)


def test_tiny_class_is_a_warning(checked, clean) -> None:
    frame = clean()
    frame.loc[:2, "y"] = "perhaps"
    finding = checked(frame)["tiny_classes"]
    assert finding.severity == "warning"
    assert "'perhaps'" in finding.message


@pytest.mark.parametrize(("n_rare", "severity"), [(60, "info"), (15, "warning")])
def test_rare_class(checked, clean, n_rare: int, severity: str) -> None:
    frame = clean(1000)
    frame["y"] = np.where(np.arange(1000) < n_rare, "rare", "common")
    frame = frame.sample(frac=1.0, random_state=0)
    finding = checked(frame)["imbalance"]
    assert finding.severity == severity
    assert finding.evidence["share"] == pytest.approx(n_rare / 1000, abs=0.002)


SUITS = "The objective {} takes it into account; see under Mistakes in the report how often it is"


@pytest.mark.parametrize(
    ("objective", "positive", "advice"),
    [
        ("log_loss", None, SUITS.format("log_loss")),
        ("roc_auc", None, SUITS.format("roc_auc")),
        ("accuracy", "rare", "Prefer log_loss, average_precision or balanced_accuracy: accuracy"),
        ("error", "common", "Prefer log_loss or balanced_accuracy: error hardly notices"),
        ("average_precision", "rare", SUITS.format("average_precision")),
        ("f1", "common", "Set data.positive_class to 'rare', or prefer log_loss or balanced_acc"),
        ("f1_macro", "common", SUITS.format("f1_macro")),
        ("own:cost", "rare", "Make sure that what is optimised notices it, as log_loss, average"),
    ],
)
def test_advice_on_a_rare_class_follows_the_objective(
    checked, clean, objective: str, positive: str | None, advice: str
) -> None:
    frame = clean(1000)
    frame["y"] = np.where(np.arange(1000) % 25 == 0, "rare", "common")
    found = checked(frame, objective=objective, positive_class=positive)
    assert found["imbalance"].advice.startswith(advice)


def test_of_three_classes_no_objective_looks_at_one_alone(checked, clean) -> None:
    frame = clean(1000)
    frame["y"] = np.where(np.arange(1000) % 25 == 0, "rare", np.tile(["u", "v"], 500))
    assert checked(frame, objective="f1")["imbalance"].advice.startswith(SUITS.format("f1"))


def test_more_columns_than_rows_is_a_warning(checked) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 90)), columns=[f"c{i}" for i in range(90)])
    frame["y"] = rng.choice(["u", "v"], 60)
    assert checked(frame)["few_rows"].severity == "warning"


def test_small_test_part_is_told(checked, clean) -> None:
    assert checked(clean(100))["small_test"].evidence == {"n_rows": 20.0}
