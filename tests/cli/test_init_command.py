"""``autometa init``: from a data file to a task file that loads, is checked and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autometa.cli.boundary import run
from autometa.cli.taskfile import quoted, render, task_name
from autometa.task import load_task
from autometa.yamlfile import parse_yaml

STRANGE = 'a: "b" #\n[ü]'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "my data (1).csv"
    frame = pd.DataFrame(
        {
            "x": range(60),
            STRANGE: ["u", "v", "w"] * 20,
            "user_id": [i // 4 for i in range(60)],
            "day": pd.date_range("2024-01-01", periods=60).astype(str),
            "code": [f"x{i}" for i in range(60)],
        }
    )
    frame.to_csv(path, index=False)
    return path


def test_written_file_loads_and_is_checked(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table.parent / "task.yaml"
    args = ["init", str(table), "--target", STRANGE, "--output", str(path)]
    assert run([*args, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["target"], report["problem"]) == (STRANGE, "classification")
    assert (report["times"], report["groups"]) == (["day"], ["user_id"])

    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=.autometa/task.schema.json\n")
    assert "  # time: day" in text
    assert "  # group: user_id" in text
    assert "left out (every value is different): code" in text
    schema = json.loads((table.parent / ".autometa" / "task.schema.json").read_text())
    assert schema["title"] == "autometa task file"

    task = load_task(path)
    assert (task.name, task.data.source) == ("my data 1", (table.name,))
    assert task.data.target == STRANGE

    assert run(args) == 2
    assert "exists already. Use --force" in capsys.readouterr().err
    assert run(["check", str(path), "--json"]) == 0
    checked = json.loads(capsys.readouterr().out)
    assert (checked["n_rows"], checked["n_features"]) == (60, 3)


def test_source_by_scheme_and_workspace_above(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".autometa").mkdir()
    folder = tmp_path / "flowers"
    folder.mkdir()
    assert run(["init", "sklearn:iris", "--output", str(folder / "task.yaml")]) == 0
    out = capsys.readouterr().out
    assert "classification of target (a guess: by its name), 150 rows" in out
    task = load_task(folder / "task.yaml")
    assert (task.name, task.data.source) == ("iris", ("sklearn:iris",))
    first = (folder / "task.yaml").read_text().splitlines()[0]
    assert first.endswith("$schema=../.autometa/task.schema.json")
    assert [entry.name for entry in folder.iterdir()] == ["task.yaml"]


def test_missing_file_is_exit_3_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["init", str(tmp_path / "none.csv"), "--output", str(tmp_path / "task.yaml")]
    assert run(args) == 3
    assert "none.csv" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


FOUND = {
    "n_rows": 9,
    "n_columns": 3,
    "guess": "",
    "problem": "regression",
    "reason": "the target is numeric",
    "n_classes": None,
    "times": [],
    "groups": [],
    "dropped": [],
}


@given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_text_survives_the_file(text: str) -> None:
    line = quoted(text)
    assert "\n" not in line
    content = render("a", text, {**FOUND, "target": text, "times": [text]}, schema="s.json")
    data = parse_yaml(content.encode()).data
    assert (str(data["data"]["source"]), str(data["data"]["target"])) == (text, text)


@pytest.mark.parametrize(
    ("stem", "name"),
    [("adult.csv.gz", "adult"), ("a/b*c", "a b c"), ("---", "task"), ("x" * 200, "x" * 120)],
)
def test_task_name(stem: str, name: str) -> None:
    assert task_name(stem) == name
