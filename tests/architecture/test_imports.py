"""The dependency rule, checked by a machine."""

from __future__ import annotations

import ast
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import autometa
from autometa.plugins import load_plugins

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "autometa").rglob("*.py"))
HEAVY = "numpy optuna mlflow sklearn torch pandas pyarrow lightgbm scipy sqlalchemy rich"
NOT_FOR_THE_PARENT = "mlflow sklearn torch pandas pyarrow lightgbm scipy"


def loaded_by(module: str, heavy: str) -> set[str]:
    """Gives which of the `heavy` modules an import brings along, in a process of its own."""
    code = f"import sys, {module}; print(*(set({heavy.split()!r}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_layers_and_forbidden_imports_are_kept() -> None:
    command = Path(sysconfig.get_path("scripts")) / "lint-imports"
    done = subprocess.run(
        [command, "--no-cache"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "module",
    [
        "autometa",
        "autometa.cli",
        "autometa.cli.check",
        "autometa.cli.completion",
        "autometa.cli.init",
        "autometa.cli.optimize",
        "autometa.cli.plugins",
        "autometa.cli.plugins_check",
        "autometa.cli.plugins_new",
        "autometa.cli.predict",
        "autometa.cli.report",
        "autometa.cli.schema",
        "autometa.cli.status",
        "autometa.cli.ui",
        "autometa.hookspecs",
        "autometa.plugins",
        "autometa.task",
        "autometa.taskdiff",
        "autometa.taskschema",
        "autometa.workspace",
    ],
)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    assert loaded_by(module, HEAVY) == set()


@pytest.mark.parametrize(
    "module",
    [
        "autometa.defaults",
        "autometa.execution.pool",
        "autometa.modelfolder",
        "autometa.orchestrator",
        "autometa.search.study",
        "autometa.tracking",
        "autometa.tracking.tracker",
    ],
)
def test_parent_process_starts_without_the_workers_libraries(module: str) -> None:
    assert loaded_by(module, NOT_FOR_THE_PARENT) == set()


def test_star_of_public_names_is_complete() -> None:
    code = "from autometa import *; print(*sorted(set(globals())))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(autometa.__all__) - set(done.stdout.split()) == set()


def test_core_names_no_learner_in_a_condition() -> None:
    learners = set(load_plugins().learners)
    named = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare | ast.MatchValue)
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and part.value in learners
    ]
    assert learners
    assert named == []


def test_broad_excepts_stand_only_at_the_two_boundaries() -> None:
    allowed = {"autometa/plugins.py", "autometa/resolve.py"}
    places = {
        str(path.relative_to(ROOT))
        for path in CORE
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and _is_broad(node)
    }
    assert {place for place in places - allowed if not place.startswith("autometa/execution/")} == (
        set()
    )


def _is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether it catches everything and goes on."""
    names = {n.id for n in ast.walk(handler.type or ast.Tuple([])) if isinstance(n, ast.Name)}
    is_broad = handler.type is None or bool(names & {"Exception", "BaseException"})
    ends_by_raising = isinstance(handler.body[-1], ast.Raise)
    return is_broad and not ends_by_raising


def test_nothing_prints_outside_the_command_line() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in CORE
        if path.parent.name != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert printing == []


def test_files_stay_small() -> None:
    sources = [*CORE, *(ROOT / "plugins").glob("*/src/**/*.py")]
    long = {
        str(path.relative_to(ROOT)): n
        for path in sources
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
