"""``autometa report`` before there is anything to report on."""

from __future__ import annotations

from pathlib import Path

import pytest

from autometa.cli.boundary import run


def test_report_of_a_task_that_was_never_searched_is_exit_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = tmp_path / "task.yaml"
    task.write_text("name: a\ndata: {source: a.csv, target: t}\n")
    assert run(["report", str(task)]) == 4
    assert "task 'a' has no trials to report on. Run autometa optimize first." in (
        capsys.readouterr().err
    )
    assert not (tmp_path / ".autometa").exists()
