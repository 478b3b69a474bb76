"""A search that may use rows without a target, on real digits without nine of ten labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from autometa.defaults import check
from autometa.errors import TaskError
from autometa.modelfolder import load_model, read_manifest
from autometa.task import Task
from autometa.tracking.events import StudyInfo
from autometa.tracking.tracker import NullTracker

from .conftest import StopAfter

Run = Callable[..., Any]


@pytest.fixture
def digits(tmp_path: Path) -> pd.DataFrame:
    """Gives the digits whose labels the file lacks, nine of ten of 600."""
    X, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(X[:600], columns=[f"pixel {i}" for i in range(64)])
    labels = pd.Series([f"digit {label}" for label in y[:600]])
    is_hidden = np.random.default_rng(0).random(600) < 0.9
    frame.assign(label=labels.mask(is_hidden)).to_csv(tmp_path / "table.csv", index=False)
    return frame.assign(label=labels)[is_hidden]


def task(use: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": use,
        "data": {"source": "table.csv", "target": "label", "unlabelled": use},
        "objectives": ["accuracy"],
        "search": {"learners": ["neighbours"], "compressors": [], "prior": "none"},
        "validation": {"kind": "kfold", "folds": 2, "test_fraction": 0},
        **changes,
    }


def comparable(results: list[Any]) -> list[Any]:
    return [replace(result, cost_seconds=0.0) for result in results]


def test_search_chooses_them_where_they_help_and_the_model_is_an_ordinary_one(
    run: Run, digits: pd.DataFrame, registry: Any
) -> None:
    plain, used = run(3, **task("ignore")), run(3, **task("use"))
    assert [dict(t.params).get("unlabelled") for t in used.trials] == [
        "none",
        "self_training",
        "label_spreading",
    ]
    assert used.trials[0].values == plain.trials[0].values
    assert used.best.params["unlabelled"] != "none"
    assert used.best.values[0] > plain.best.values[0]
    hits = {
        result.model.parent.name: (
            load_model(result.model, packages=registry.packages).predict(digits) == digits["label"]
        ).mean()
        for result in (plain, used)
    }
    assert hits["use"] > hits["ignore"] + 0.02
    keys = [set(read_manifest(result.model)) - {"combination"} for result in (plain, used)]
    assert keys[0] == keys[1]
    assert used.report["best"]["metrics"]["pseudo_labelled"] == len(digits)


def test_trial_tells_how_many_rows_got_a_label(run: Run, digits: pd.DataFrame) -> None:
    search = {"learners": ["naive_bayes"], "compressors": [], "prior": "none"}
    result = run(2, **task("use", search=search))
    assert [trial.outcome for trial in result.trials] == ["complete", "complete"]
    plain, trained = (trial.metrics for trial in result.trials)
    assert "pseudo_labelled" not in plain
    assert 0 < trained["pseudo_labelled"] < len(digits)


def test_tracker_is_told_how_many_rows_there_are(run: Run, digits: pd.DataFrame) -> None:
    told: list[StudyInfo] = []

    class Listening(NullTracker):
        def start(self, study: StudyInfo) -> None:
            told.append(study)

    for use in ("use", "ignore"):
        run(1, options={"make_tracker": lambda folder: Listening()}, **task(use))
    assert told[0].params["n_unlabelled"] == len(digits)
    assert f"{len(digits)} more rows have no target" in told[0].description
    assert "n_unlabelled" not in told[1].params
    assert "no target" not in told[1].description


def test_fault_95_stopped_and_resumed_search_has_the_same_trials(
    run: Run, digits: pd.DataFrame
) -> None:
    whole = run(5, **task("use", name="whole"))
    stop = StopAfter(3)
    assert run(5, options={"executor": stop, "stop": stop}, **task("use")).status == "interrupted"
    parts = run(5, **task("use"))
    assert comparable(parts.trials) == comparable(whole.trials)
    assert {trial.params["unlabelled"] for trial in whole.trials} > {"none"}


def test_fault_92_another_use_of_the_rows_is_another_search(
    run: Run, digits: pd.DataFrame, tmp_path: Path
) -> None:
    run(1, **task("ignore", name="one"))
    with pytest.raises(TaskError, match=r"data\.unlabelled: ignore -> use") as refused:
        run(2, **task("use", name="one"))
    assert f"The study is in {tmp_path}" in refused.value.hint


def test_check_counts_them(run: Run, digits: pd.DataFrame, tmp_path: Path) -> None:
    found = check(Task.from_json(task("use"), path=tmp_path / "task.yaml"))
    assert found["n_unlabelled"] == len(digits)
    assert found["n_rows"] == 600 - len(digits)
