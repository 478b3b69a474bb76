from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from autometa.cli.boundary import run

GOOD = """\
from autometa import LearnerSpec, hookimpl

@hookimpl
def autometa_learners():
    return [LearnerSpec(name="centroid", problems=frozenset({"classification"}),
                        summary="Nearest class mean.", factory=".:Own", space=".:space")]
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.py"
    path.write_text("import no_such_module\n")
    return path


def test_list_shows_kind_name_plugin_and_summary(
    good: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plugins", "list", "-p", str(good)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["KIND", "NAME", "PLUGIN", "SUMMARY"]
    (line,) = [line for line in lines if "centroid" in line]
    assert line.split() == ["learner", "centroid", "good", "Nearest", "class", "mean."]


def test_list_shows_broken_plugins_with_reason_and_remedy(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plugins", "list", "-p", str(broken)]) == 0
    text = capsys.readouterr().out
    assert "import failed: ModuleNotFoundError: No module named 'no_such_module'" in text
    assert f"Correct the file {broken}." in text
    assert "Traceback" not in text


def test_list_verbose_shows_the_traceback(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["plugins", "list", "--verbose", "-p", str(broken)])
    assert "Traceback (most recent call last)" in capsys.readouterr().out


def test_list_json_has_plugins_items_and_what_is_left_out(
    good: Path, broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rival = tmp_path / "rival.py"
    rival.write_text(GOOD)
    args = ["plugins", "list", "--json", "-p", str(good), "-p", str(broken), "-p", str(rival)]
    assert run(args) == 0
    data = json.loads(capsys.readouterr().out)
    status = {plugin["name"]: plugin["status"] for plugin in data["plugins"]}
    assert (status["good"], status["broken"]) == ("ok", "broken")
    assert "centroid" not in {item["name"] for item in data["items"]}
    (left_out,) = [item for item in data["left_out"] if item["name"] == "centroid"]
    assert left_out["reason"] == "the learner 'centroid' is offered by good and rival"


def test_list_of_a_missing_file_is_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plugins", "list", "-p", "missing.py"]) == 2
    assert "-p must name a Python file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "bound"),
    [(["--help"], 0.3), (["--version"], 0.3), (["plugins", "list"], 0.5)],
    ids=["help", "version", "plugins list"],
)
def test_light_commands_stay_light(args: list[str], bound: float) -> None:
    def cpu_seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "autometa", *args], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(cpu_seconds() for _ in range(3)) < bound
