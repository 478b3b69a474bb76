"""kill -9 at random moments, by the benchmark that does it twenty times."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", ["main", "worker", "tracker", "nursery", "all"])
def test_fault_51_and_52_kill_loses_nothing_and_leaves_nothing(victim: str, tmp_path: Path) -> None:
    results = tmp_path / "kill.csv"
    command = [sys.executable, str(SCRIPT), "--results", str(results), "--victims", victim]
    done = subprocess.run(
        [*command, "--kills", "1", "--trials", "12", "--seed", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1
    for row in rows:
        assert row["exit"] == ("-9" if victim in ("main", "all") else "0")
        assert row["exit_again"] == "0"
        assert row["told_after"] == row["children_mlflow"] == "12"
        assert row["parents_mlflow"] == row["model"] == "1"
        for column in ("lost", "changed", "doubled_mlflow", "orphans"):
            assert row[column] == "0", row
        assert row["running_optuna"] == row["running_mlflow"] == "0"
        assert int(row["died"]) <= {"worker": 1, "nursery": 2}.get(victim, 0)
