"""The hookspec is the documentation of plugins; it stays complete."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autometa import hookspecs

ROOT = Path(__file__).parents[2]
README = ROOT / "examples" / "third_party_plugin" / "README.md"
HOOKS = {name: hook for name, hook in vars(hookspecs).items() if hasattr(hook, "autometa_spec")}


def test_hooks_are_those_of_the_contract() -> None:
    assert sorted(HOOKS) == [
        "autometa_compressors",
        "autometa_data_adapters",
        "autometa_executors",
        "autometa_learners",
        "autometa_metafeatures",
        "autometa_task_finished",
        "autometa_trial_finished",
    ]


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS.keys())
def test_hook_documents_itself_and_its_arguments(hook: Callable[..., Any]) -> None:
    text = inspect.getdoc(hook) or ""
    assert text.splitlines()[0].endswith((".", ";", ","))
    for argument in inspect.signature(hook).parameters:
        assert f"\n    {argument}: " in text


@pytest.mark.parametrize("name", HOOKS)
def test_guide_for_authors_shows_each_hook_with_its_arguments(name: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    assert f"`{name}({arguments})`" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", HOOKS)
def test_hook_has_a_test(name: str) -> None:
    folders = [ROOT / "tests", *(ROOT / "plugins").glob("*/tests")]
    tests = [path for folder in folders for path in folder.rglob("test_*.py") if path != _THIS]
    assert any(name in path.read_text(encoding="utf-8") for path in tests)


_THIS = Path(__file__)


@pytest.mark.parametrize(
    "record",
    ["LearnerSpec", "CompressorSpec", "DataAdapterSpec", "MetaFeatureSpec", "ExecutorSpec"],
)
def test_guide_for_authors_names_each_spec(record: str) -> None:
    assert record in README.read_text(encoding="utf-8")
