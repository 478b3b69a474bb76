"""Which rows without a target a fold may learn from, after the preparation of the data."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autometa import unlabelled
from autometa.errors import TaskError
from autometa.prepare import Prepared, open_prepared, prepare

CSV = "autometa_tabular.adapters.csv:CsvAdapter"
Made = Callable[..., tuple[dict[str, Any], Prepared]]


def table(n: int = 100) -> pd.DataFrame:
    """Gives rows of which three of four have no label, each with its number as a feature."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"number": np.arange(n, dtype=float), "a": rng.normal(size=n)})
    frame["label"] = np.where(frame["a"] > 0, "yes", "no")
    frame.loc[frame.index % 4 != 0, "label"] = None
    return frame


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def made(frame: pd.DataFrame, **payload: Any) -> tuple[dict[str, Any], Prepared]:
        frame.to_csv(tmp_path / "data.csv", index=False)
        whole = {
            "source": str(tmp_path / "data.csv"),
            "adapter": CSV,
            "target": "label",
            "unlabelled": "use",
            "folder": str(tmp_path),
            **payload,
        }
        info = prepare(whole, time.monotonic() + 30)
        return info, open_prepared(tmp_path)

    return made


def numbers(prepared: Prepared, rows: Any = slice(None)) -> set[int]:
    """Gives the numbers of rows without a target."""
    assert prepared.unlabelled is not None
    return set(prepared.unlabelled.X["number"].iloc[rows].astype(int))


def seen(prepared: Prepared, fold: int) -> set[int]:
    assert prepared.unlabelled is not None
    return numbers(prepared, prepared.unlabelled.split.train_rows(fold))


def test_rows_are_kept_apart_from_all_that_is_fitted_and_scored(made: Made) -> None:
    info, prepared = made(table())
    assert (info["n_unlabelled"], info["n_rows"]) == (75, 25)
    assert numbers(prepared) == {i for i in range(100) if i % 4}
    assert set(prepared.X["number"].astype(int)) == set(range(0, 100, 4))
    assert [seen(prepared, k) for k in range(info["n_folds"])] == [numbers(prepared)] * 5
    assert "75 of 75 rows without a target are used beside the training rows" in info["warnings"]


def test_table_with_ignored_rows_is_as_if_they_were_not_there(made: Made) -> None:
    info, prepared = made(table(), unlabelled="ignore")
    asked, other = made(table())
    assert prepared.unlabelled is None
    assert "n_unlabelled" not in info
    assert (
        "75 of 100 rows have no target and are not used;"
        " data.unlabelled: use would learn from them too" in info["warnings"]
    )
    assert (other.split.codes == prepared.split.codes).all()
    assert asked["row_minhash"] == info["row_minhash"]


def test_no_fold_sees_a_row_of_a_group_that_it_scores(made: Made) -> None:
    frame = table().assign(who=np.arange(100) % 23)
    frame.loc[97:, "who"] = [77, 77, 77]  # a person without any label
    info, prepared = made(frame, validation={"kind": "group", "group": "who"})
    who = frame["who"].to_numpy()
    person = who[prepared.X["number"].astype(int)]
    test = set(person[prepared.split.test_rows()])
    assert test
    for fold in range(info["n_folds"]):
        hidden = test | set(person[prepared.split.valid_rows(fold)])
        assert seen(prepared, fold) == {
            i for i in numbers(prepared) if who[i] not in hidden or who[i] == 77
        }
    assert {97, 98, 99} <= seen(prepared, 0)


def test_no_fold_sees_a_row_that_is_later_than_its_training_rows(made: Made) -> None:
    info, prepared = made(table(200), validation={"kind": "time", "time": "number"})
    assert prepared.unlabelled is not None
    places = np.flatnonzero(table(200)["label"].notna())
    used = prepared.unlabelled.X["a"].to_numpy()
    position = {value: i for i, value in enumerate(table(200)["a"].round(6))}
    for fold in range(info["n_folds"]):
        last = places[prepared.split.train_rows(fold)].max()
        first = places[prepared.split.valid_rows(fold)].min()
        rows = prepared.unlabelled.split.train_rows(fold)
        found = {position[value] for value in used[rows].round(6)}
        assert last < first
        assert found == {i for i in range(last) if i % 4}


def test_no_fold_sees_a_row_that_is_marked_as_test(made: Made) -> None:
    frame = table().assign(part=["train"] * 70 + ["test"] * 30)
    info, prepared = made(frame, test={"column": "part"})
    assert numbers(prepared) == {i for i in range(70) if i % 4}
    assert info["n_unlabelled"] == 52
    (line,) = [line for line in info["warnings"] if "without a target" in line]
    assert line.startswith("52 of 75 rows without a target are used")
    assert "belong to the test part" in line


def test_rows_of_a_test_file_are_not_used(made: Made, tmp_path: Path) -> None:
    table(40).assign(number=1000.0).to_csv(tmp_path / "test.csv", index=False)
    info, prepared = made(table(), test={"source": str(tmp_path / "test.csv")})
    assert info["n_test"] == 10
    assert numbers(prepared) == {i for i in range(100) if i % 4}


def test_more_rows_than_can_be_used_are_drawn_by_the_seed(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlabelled, "MOST_ROWS", 20)
    info, first = made(table(), seed=3)
    assert info["n_unlabelled"] == len(numbers(first)) == 20
    assert any("drawn at random: 20 at most" in line for line in info["warnings"])
    assert numbers(made(table(), seed=3)[1]) == numbers(first)
    assert numbers(made(table(), seed=4)[1]) != numbers(first)


def test_regression_is_refused_by_the_name_of_the_option(made: Made) -> None:
    frame = table().assign(label=lambda f: np.where(f["label"].isna(), np.nan, f["a"]))
    with pytest.raises(TaskError, match="used for classes only, and this is a regression") as got:
        made(frame)
    assert got.value.key == "data.unlabelled"
    assert "Remove data.unlabelled" in got.value.hint
    info, _ = made(frame, unlabelled="ignore")
    assert "75 of 100 rows have no target and are not used" in info["warnings"]


def test_asking_without_such_rows_changes_nothing_and_is_said(made: Made) -> None:
    info, prepared = made(table().dropna())
    assert prepared.unlabelled is None
    assert "data.unlabelled: use changes nothing, since every row has a target" in info["warnings"]
