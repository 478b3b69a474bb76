"""Every shell and Python block of the README and the docs runs, in order, page by page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What .ci/run itself runs, in a fresh environment.
INSTALL = re.compile(r"^pip install -r \S+ && (?:pytest$)?", re.MULTILINE)


def script(page: Path) -> str:
    """Gives the blocks of a page as one script of bash, so that `cd` and variables last."""
    parts = ["set -euo pipefail"]
    for kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        body = INSTALL.sub("", text)
        parts.append(body if kind == "sh" else f"python - <<'BLOCK_END'\n{body}BLOCK_END")
    return "\n".join(parts) + "\n"


def test_blocks_are_found_and_installing_is_left_to_ci() -> None:
    text = script(ROOT / "README.md")
    assert "autometa optimize examples/quickstart/task.yaml" in text
    assert "pip install" not in text
    assert "BLOCK_END" in text


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Gives a folder with the examples, small budgets, and an old study of somebody's."""
    shutil.copytree(
        ROOT / "examples",
        tmp_path / "examples",
        ignore=shutil.ignore_patterns(".autometa", "__pycache__"),
    )
    task = tmp_path / "examples" / "quickstart" / "task.yaml"
    text = task.read_text(encoding="utf-8")
    small = text.replace("{trials: 60, seconds: 30}", "{trials: 6, seconds: null}")
    assert small != text
    task.write_text(small, encoding="utf-8")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/old-studies.db", study_name="an old one"
    )
    study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=5)
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))],
    ids=lambda page: page.stem,
)
def test_blocks_of_page_run(page: Path, place: Path) -> None:
    scripts = Path(sys.executable).parent
    env = {
        **os.environ,
        "AUTOMETA_HOME": str(place / "home"),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", script(page)],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
