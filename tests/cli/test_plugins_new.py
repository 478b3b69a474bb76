"""``autometa plugins new``: a package whose tests pass as it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from autometa.cli.boundary import run

RUFF = ["ruff", "check", "--isolated", "--select", "E,F,W,I,UP,B", "--line-length", "100"]


def make(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "package"
    args = ["plugins", "new", "my_own", "--kind", kind, "--folder", str(folder), "--json"]
    assert run(args) == 0
    report = json.loads(capsys.readouterr().out)
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert set(report["files"]) == files
    return folder


def run_tests(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        capture_output=True,
        check=False,
        cwd=folder,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("kind", ["learner", "compressor", "adapter"])
def test_package_is_complete_and_clean(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make(tmp_path, kind, capsys)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == "autometa-my-own"
    assert project["project"]["entry-points"]["autometa"] == {"my_own": "autometa_my_own"}
    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert not any("$" in text for text in texts)
    for command in (RUFF, ["ruff", "format", "--isolated", "--check", "--line-length", "100"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, "."], capture_output=True, check=False, cwd=folder
        )
        assert done.returncode == 0, done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["learner", "compressor", "adapter"])
def test_tests_pass(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run_tests(make(tmp_path, kind, capsys))
    assert " passed" in out
    assert " failed" not in out


@pytest.mark.slow
def test_installed_package_is_listed_checked_and_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, target = make(tmp_path, "compressor", capsys), tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*command, str(folder)], check=True)
    env = {**os.environ, "PYTHONPATH": str(target), "AUTOMETA_HOME": str(tmp_path / "home")}
    task = {
        "name": "t",
        "data": {"source": "sklearn:iris", "target": "target"},
        "budget": {"trials": 4},
        "limits": {"workers": 1},
        "search": {"learners": ["my_own_base"], "compressors": ["my_own"], "prior": "none"},
        "tracking": "none",
    }
    (tmp_path / "task.yaml").write_text(json.dumps(task))

    def autometa(*args: str) -> dict:
        done = subprocess.run(
            [sys.executable, "-m", "autometa", *args, "--json"],
            capture_output=True,
            check=False,
            env=env,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    (info,) = [p for p in autometa("plugins", "list")["plugins"] if p["name"] == "my_own"]
    assert info["items"] == ["compressor my_own", "learner my_own_base"]
    assert autometa("plugins", "check", "my_own")["status"] == "ok"
    report = autometa("optimize", "task.yaml")
    assert report["trials"]["complete"] == 4
    assert report["best"]["params"]["learner"] == "my_own_base"


@pytest.mark.parametrize("name", ["My", "2fast", "a-b", "a b", ""])
def test_name_that_is_no_identifier_is_exit_2(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plugins", "new", name]) == 2
    assert "NAME must be lower-case letters" in capsys.readouterr().err


def test_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["plugins", "new", "mine", "--folder", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_templates_are_in_the_wheel(tmp_path: Path) -> None:
    import zipfile

    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "-w", str(tmp_path)]
    subprocess.run([*command, str(root)], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    templates = (root / "autometa" / "cli" / "templates").rglob("*.tmpl")
    assert {str(path.relative_to(root)) for path in templates} <= names
