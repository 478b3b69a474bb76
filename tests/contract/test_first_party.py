"""Every learner, compressor and adapter of our own plugins has a contract test beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from autometa.plugins import load_plugins

PLUGINS = Path(__file__).parents[2] / "plugins"


def specs_in(file: Path) -> Iterator[str]:
    """Gives the names in ``spec = "name"`` of the classes in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "spec":
            yield str(ast.literal_eval(node.value))


def test_nothing_of_ours_is_without_a_contract_test() -> None:
    registry = load_plugins()
    for distribution in PLUGINS.iterdir():
        offered = {
            name
            for offers in (registry.learners, registry.compressors, registry.adapters)
            for name, entry in offers.items()
            if entry.distribution == distribution.name
        }
        files = distribution.glob("tests/test_*.py")
        assert offered - {name for file in files for name in specs_in(file)} == set()
        assert offered
