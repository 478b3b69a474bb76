"""What the checks advise follows from the task."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autometa.execution import InlineExecutor
from autometa.orchestrator.looking import check_report
from autometa.task import Task

Run = Callable[..., Any]


def advice(findings: list[dict[str, Any]]) -> str:
    (found,) = [item["advice"] for item in findings if item["check"] == "imbalance"]
    return str(found)


@pytest.fixture
def rare(run: Run, tmp_path: Path) -> Run:
    """Gives what runs a search on a table of 480 rows in which 4 % are ``yes``."""
    small = pd.read_csv(tmp_path / "table.csv")
    table = pd.concat([small] * 4, ignore_index=True)
    table["a"] += table.index / 1000
    table["label"] = ["yes" if row % 25 == 0 else "no" for row in range(len(table))]
    table.to_csv(tmp_path / "table.csv", index=False)
    return run


def test_a_search_for_accuracy_is_told_of_better_objectives(rare: Run, tmp_path: Path) -> None:
    said = advice(rare(1, objectives=["accuracy"]).report["checks"])
    assert said.startswith("Prefer log_loss, average_precision or balanced_accuracy: accuracy")
    # As a kill before the study began leaves the folder: the checks have run, for accuracy.
    (tmp_path / ".autometa/studies/small/journal.log").unlink()
    said = advice(rare(1).report["checks"])
    assert said.startswith("The objective log_loss takes it into account")


@pytest.mark.parametrize(
    ("objectives", "begin"),
    [
        (None, "The objective log_loss takes it into account"),
        (["error", "log_loss"], "Prefer log_loss, average_precision or balanced_accuracy: error"),
        (["size_kib", "f1"], "The objective f1 takes it into account"),
    ],
)
def test_check_advises_on_the_first_objective_of_predictions(
    rare: Run, registry: Any, tmp_path: Path, objectives: list[str] | None, begin: str
) -> None:
    content = {
        "name": "small",
        "data": {"source": "table.csv", "target": "label"},
        "search": {"learners": ["slope"], "compressors": []},
        **({"objectives": objectives} if objectives else {}),
    }
    task = Task.from_json(content, path=tmp_path / "task.yaml")
    folder = tmp_path / "looked"
    folder.mkdir()
    report = check_report(task, registry, InlineExecutor(), folder)
    assert advice(report["findings"]).startswith(begin)
