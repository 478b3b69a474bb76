"""Every example runs as it stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TASKS = sorted(path.parent.name for path in EXAMPLES.glob("*/task.yaml"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns(".autometa", "__pycache__")
    shutil.copytree(EXAMPLES, tmp_path / "examples", ignore=ignored)
    return tmp_path


def run(place: Path, *args: str) -> str:
    done = subprocess.run(
        [sys.executable, *args],
        cwd=place,
        env={**os.environ, "AUTOMETA_HOME": str(place / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", TASKS)
def test_example_beats_the_constant(name: str, place: Path) -> None:
    file = f"examples/{name}/task.yaml"
    out = run(place, "-m", "autometa", "optimize", file, "--json")
    report: dict[str, Any] = json.loads(out)
    lead = next(iter(report["best"]["values"]))
    assert report["status"] == "finished"
    assert report["best"]["values"][lead] < report["baseline"][lead]
    assert Path(report["model"]).is_dir()
    if name == "small-model":
        assert len(report["front"]) >= 2
        assert all(point["values"]["size_kib"] <= 128 for point in report["front"])
    if name == "financial":
        info = json.loads((Path(report["model"]).parent / "data" / "prepared.json").read_bytes())
        assert info["split"] == "time"


def test_stream_learns_from_its_own_past(place: Path) -> None:
    out = run(place, "examples/stream/stream.py", str(place))
    assert len(out.splitlines()) == 4
    assert (place / "stream.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((place / "home" / "knowledge").glob("*"))) >= 4


def test_prior_alone_is_ahead_after_five_trials(place: Path) -> None:
    lines = run(place, "examples/prior_alone/prior_alone.py").splitlines()
    best = {line.partition(":")[0]: float(line.split()[5]) for line in lines}
    assert best["prior"] < best["TPE"]
