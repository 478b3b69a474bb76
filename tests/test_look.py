from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from autometa.errors import DataError
from autometa.look import look

CSV = "autometa_tabular.adapters.csv:CsvAdapter"
Look = Callable[..., dict[str, Any]]


@pytest.fixture
def looked(tmp_path: Path) -> Look:
    def run(frame: pd.DataFrame, target: str | None = None) -> dict[str, Any]:
        path = tmp_path / "table.csv"
        frame.to_csv(path, index=False)
        payload = {"source": str(path), "adapter": CSV, "target": target}
        return look(payload, float("inf"))

    return run


def frame(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    base = {"a": rng.normal(size=60), "b": rng.normal(size=60)}
    return pd.DataFrame({**base, **columns})


LABELS = ["u", "v", "w"] * 20


@pytest.mark.parametrize(
    ("columns", "target", "guess"),
    [
        ({"target": LABELS, "z": range(60)}, "target", "by its name"),
        ({"Class": LABELS, "z": LABELS}, "Class", "by its name"),
        ({"is_label": LABELS, "z": LABELS}, "is_label", "by its name"),
        ({"species": LABELS, "year": [2007, 2008, 2009] * 20}, "species", "by its name"),
        ({"kind": LABELS}, "kind", "the last column"),
        ({"kind": LABELS, "year": [2007, 2008] * 30}, "kind", "the last column that may be one"),
        (
            {"kind": LABELS, "code": [f"x{i}" for i in range(60)]},
            "kind",
            "the last column that may be one",
        ),
        ({"y": [1.0] * 60, "kind": LABELS}, "kind", "the last column"),
    ],
    ids=["target", "class", "word", "species", "last", "no year", "no id", "no constant"],
)
def test_target_is_guessed(looked: Look, columns: Any, target: str, guess: str) -> None:
    found = looked(frame(**columns))
    assert (found["target"], found["guess"]) == (target, guess)


def test_target_that_is_given_is_taken(looked: Look) -> None:
    found = looked(frame(target=LABELS), "a")
    assert (found["target"], found["guess"], found["problem"]) == ("a", "", "regression")


def test_target_that_is_not_there_names_the_nearest(looked: Look) -> None:
    with pytest.raises(DataError, match="Did you mean 'price'"):
        looked(frame(price=range(60)), "pirce")


def test_times_groups_and_what_is_left_out_are_found(looked: Look) -> None:
    found = looked(
        frame(
            day=pd.date_range("2024-01-01", periods=60).astype(str),
            user_id=[i // 4 for i in range(60)],
            code=[f"x{i}" for i in range(60)],
            same="s",
            label=LABELS,
        )
    )
    assert (found["times"], found["groups"]) == (["day"], ["user_id"])
    reasons = {entry["column"]: entry["reason"] for entry in found["dropped"]}
    assert reasons == {"code": "id", "same": "constant"}
    assert (found["problem"], found["n_classes"], found["n_rows"]) == ("classification", 3, 60)


def test_table_without_any_target_is_a_data_error(looked: Look) -> None:
    texts = [f"a few words of line {i} here" for i in range(20)]
    with pytest.raises(DataError, match="Name one with --target"):
        looked(pd.DataFrame({"text": texts, "more": texts[::-1]}))
