import os.path
import sys
from pathlib import Path

import pytest

from autometa.errors import NotApplicable, PluginError
from autometa.resolve import load_module, resolve


def test_resolve_gives_what_a_module_holds() -> None:
    assert resolve("os.path:join") is os.path.join


def test_resolve_follows_dots_in_the_name() -> None:
    assert resolve("pathlib:Path.home") == Path.home


def test_resolve_loads_a_file_once(tmp_path: Path) -> None:
    file = tmp_path / "with space ü.py"
    file.write_text("class Learner:\n    place = __file__\n", encoding="utf-8")
    learner = resolve(f"{file}:Learner")
    assert learner is resolve(f"{file}:Learner")
    assert learner.place == str(file)
    assert sys.modules[learner.__module__] is load_module(str(file))


@pytest.mark.parametrize("reference", ["", "json", ":dumps", "json:"])
def test_resolve_refuses_what_names_no_object(reference: str) -> None:
    with pytest.raises(PluginError, match="names no object") as caught:
        resolve(reference)
    assert "package.module:name" in caught.value.hint


def test_resolve_suggests_the_nearest_name() -> None:
    with pytest.raises(PluginError, match="Cannot find 'json:JSONDecodr'") as caught:
        resolve("json:JSONDecodr")
    assert caught.value.hint == "Did you mean 'JSONDecoder'?"


def test_resolve_names_a_missing_module() -> None:
    with pytest.raises(PluginError, match=r"Cannot load 'no_such\.module'.*no_such"):
        resolve("no_such.module:name")


def test_resolve_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"FileNotFoundError.*gone\.py"):
        resolve(f"{tmp_path}/gone.py:name")


def test_resolve_refuses_a_relative_file() -> None:
    with pytest.raises(PluginError, match="absolute path"):
        resolve("plugin.py:name")


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        pytest.param("raise RuntimeError('boom')", "RuntimeError: boom", id="raises"),
        pytest.param("import sys; sys.exit(3)", "SystemExit: 3", id="exits"),
        pytest.param("def broken(:", "SyntaxError", id="syntax"),
    ],
)
def test_fault_59_module_that_fails_on_import_is_a_plugin_error(
    tmp_path: Path, source: str, cause: str
) -> None:
    file = tmp_path / "plugin.py"
    file.write_text(source)
    with pytest.raises(PluginError, match=cause) as caught:
        resolve(f"{file}:Learner")
    assert caught.value.__cause__ is not None
    assert not [
        name for name in sys.modules if getattr(sys.modules[name], "__file__", "") == str(file)
    ]


def test_resolve_lets_a_module_decline(tmp_path: Path) -> None:
    file = tmp_path / "plugin.py"
    file.write_text("from autometa import NotApplicable\nraise NotApplicable('no GPU here')")
    with pytest.raises(NotApplicable, match="no GPU here"):
        resolve(f"{file}:Learner")
