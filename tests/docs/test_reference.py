"""The references say all that the code knows."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import click
import pytest

from autometa import errors, hookspecs
from autometa.cli.commands import root
from autometa.cli.options import LazyGroup
from autometa.task import SECTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_task_file_reference_names_every_key(generate: ModuleType) -> None:
    text = generate.task_file()
    for path, model in SECTIONS.items():
        prefix = "".join(f"{part}." for part in path)
        for key in model.model_fields:
            assert f"| `{prefix}{key}` |" in text, f"{prefix}{key}"


def test_command_reference_names_every_command_and_option(generate: ModuleType) -> None:
    text = generate.commands()
    named = []
    for path, command in generate.walk(root, "autometa"):
        if isinstance(command, LazyGroup):
            continue
        part = text.partition(f"## {path}\n")[2].partition("\n## ")[0]
        options = [o for p in command.params if isinstance(p, click.Option) for o in p.opts]
        assert all(option in part for option in options), path
        named.append(path)
    assert {"autometa optimize", "autometa report", "autometa knowledge pack"} <= set(named)


def test_hook_reference_names_every_hook_with_its_arguments(generate: ModuleType) -> None:
    text = generate.hooks()
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("autometa_"):
            arguments = ", ".join(inspect.signature(hook).parameters)
            assert f"## `{name}({arguments})`\n" in text
            assert str(inspect.getdoc(hook)).splitlines()[0] in text


def test_troubleshooting_has_every_exit_code() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    known = {
        kind.exit_code
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.AutometaError)
    }
    headings = re.findall(r"^## (.*):", text, re.MULTILINE)
    assert {int(code) for heading in headings for code in re.findall(r"\d+", heading)} == (
        known | {0, 130, 143}
    )


def test_examples_page_names_every_example() -> None:
    text = (DOCS / "examples.md").read_text(encoding="utf-8")
    for folder in (ROOT / "examples").iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            assert f"| `{folder.name}` |" in text


@pytest.mark.slow
def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "task-file" / "index.html").is_file()
