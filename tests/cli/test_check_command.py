"""``autometa check``: the findings on a task's data, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autometa.cli.boundary import run


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    frame["y"] = np.where(frame["a"] + rng.normal(size=200) > 0, "yes", "no")
    frame.assign(c=frame["y"]).to_csv(tmp_path / "leaky.csv", index=False)
    frame.to_csv(tmp_path / "sound.csv", index=False)
    path = tmp_path / "task.yaml"
    path.write_text("name: t\ndata: {source: leaky.csv, target: y}\n")
    return path


def test_fault_22_warning_is_shown_and_exit_is_0(
    task_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(task_file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "t: 200 rows, 3 features (160 to search on, 40 for the test, split: kfold)"
    (row,) = [line for line in lines if line.startswith("warning")]
    assert row.split()[1] == "target_copy"
    assert "'c' is a copy of the target 'y'." in row
    assert {entry.name for entry in task_file.parent.iterdir()} == {
        "leaky.csv",
        "sound.csv",
        "task.yaml",
    }


def test_error_is_exit_3_and_the_report_is_printed(
    task_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = ["--set", "data.source=sound.csv", "--set", "data.test=sound.csv"]
    assert run(["check", str(task_file), "--json", *seen]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report["status"] == "error"
    (error,) = [item for item in report["findings"] if item["severity"] == "error"]
    assert (error["check"], error["evidence"]["share"]) == ("duplicates_test", 1.0)


def test_data_that_cannot_be_read_is_exit_3(
    task_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(task_file), "--set", "data.target=yy"]) == 3
    assert "the data has no column 'yy'. Did you mean 'y'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ("search.learners=[logistik]", 5, "no plugin offers the learner 'logistik'"),
        ("search.compressors=[prun]", 5, "no plugin offers the compressor 'prun'"),
        ("objectives=[logloss]", 2, "log_loss"),
    ],
    ids=["learner", "compressor", "metric"],
)
def test_fault_48_unknown_names_are_told_before_a_search(
    task_file: Path, capsys: pytest.CaptureFixture[str], change: str, code: int, message: str
) -> None:
    assert run(["check", str(task_file), "--set", change]) == code
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""
