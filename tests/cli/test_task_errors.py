"""A wrong task file at the command line: one line, exit 2, at once."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from autometa.cli.boundary import run

MINIMAL = "name: a\ndata: {source: a.csv, target: y}\n"

WRONG = {
    "36 unknown key": MINIMAL + "budgt: {trials: 1}\n",
    "37 wrong type": MINIMAL + "budget: {trials: ten}\n",
    "38 missing": "name: a\n",
    "39 duplicate": MINIMAL + "seed: 1\nseed: 2\n",
    "40 alias bomb": "a: &a [x, x]\n" + "".join(f"b{i}: [*a, *a]\n" for i in range(99)),
    "41 recursive alias": "a: &a [*a]\n",
    "42 object tag": "a: !!python/object/apply:os.system [ls]\n",
    "43 tab": "a:\n\tb: 1\n",
    "44 empty": "",
    "45 latin-1": "name: caf\xe9\n",
    "46 contradiction": MINIMAL + "budget: {seconds: -1}\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG.keys())
def test_faults_36_to_46_are_one_line_and_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes(text.encode("latin-1"))
    assert run(["optimize", str(path), "--json"]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"error: {path}:")
    assert err.count("\n") == 1
    assert json.loads(out)["error"]["line"] >= 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["task.yaml"]


def test_missing_task_file_is_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["optimize", str(tmp_path / "nope.yaml")]) == 2
    assert "nope.yaml: there is no such file." in capsys.readouterr().err


def test_task_file_error_costs_little(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(WRONG["36 unknown key"])

    def cpu_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "autometa", "optimize", str(path)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 2
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(cpu_seconds() for _ in range(3)) < 0.5
