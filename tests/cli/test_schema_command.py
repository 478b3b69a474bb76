from __future__ import annotations

import json
from pathlib import Path

import pytest

from autometa.cli.boundary import run
from autometa.taskschema import task_schema


def test_schema_is_printed_for_people_and_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text) == task_schema()
    assert text.count("\n") > 100
    assert run(["schema", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == task_schema()


def test_schema_is_written_where_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "task.schema.json"
    assert run(["schema", "--output", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path)}
    assert json.loads(path.read_text()) == task_schema()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_schema_that_cannot_be_written_is_exit_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schema", "--output", str(tmp_path / "no" / "such.json")]) == 4
    assert "cannot write" in capsys.readouterr().err
