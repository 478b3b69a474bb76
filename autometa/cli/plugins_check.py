"""``autometa plugins check``: the contract tests, on whatever plugins offer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import click

from autometa.cli import output
from autometa.cli.options import Command, Settings, examples
from autometa.errors import PluginError, TaskError
from autometa.plugins import load_plugins
from autometa.registry import Registry

CONTRACTS = {
    "learner": "LearnerContract",
    "compressor": "CompressorContract",
    "adapter": "InstalledAdapterContract",
}
"""What has a contract, and the class that holds it."""

_HEAD = """\
from autometa.testing import CompressorContract, LearnerContract
from autometa.testing.installed import InstalledAdapterContract
"""


@dataclass(slots=True)
class Item:
    """One thing that a plugin offers, and how its tests ended.

    Args:
        kind: A key of `CONTRACTS`.
        name: Of the learner, compressor or adapter.
        plugin: Who offers it.
        passed: Tests that passed.
        skipped: Tests that do not concern it.
        failures: Name and text of those that failed.
    """

    kind: str
    name: str
    plugin: str
    passed: int = 0
    skipped: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Name of its test class."""
        return f"Test_{self.kind}_{self.name}"


@examples(
    "autometa plugins check",
    "autometa plugins check tabular",
    "autometa plugins check my_learner.py",
)
@click.command(
    "check", cls=Command, epilog="Exit code 0, or 5 when a contract is broken. Needs pytest."
)
@click.argument("what", metavar="[NAME|FILE]", required=False, type=click.Path())
@click.pass_obj
def check(settings: Settings, what: str | None) -> None:
    """Run the contract tests on what plugins offer.

    NAME is that of a plugin, or of a learner, compressor or adapter; FILE is a one-file plugin.
    Without either, everything that is installed is checked.
    """
    if find_spec("pytest") is None:
        raise TaskError("the contract tests need pytest.", hint="pip install pytest")
    is_file = what is not None and what.endswith(".py")
    sources = [*settings.plugins, *([what] if what is not None and is_file else [])]
    paths = [str(Path(source).absolute()) for source in sources]
    registry = load_plugins(paths)
    items = select(registry, Path(what).stem if what is not None and is_file else what)
    output.note(settings, f"checking {len(items)} of what plugins offer; this takes a while")
    run_contracts(items, paths)
    report = to_json(items)
    output.print_result(settings, report, to_text(items))
    if report["status"] != "ok":
        raise click.exceptions.Exit(PluginError.exit_code)


def select(registry: Registry, name: str | None) -> list[Item]:
    """Gives what is to be checked.

    Raises:
        PluginError: If there is no such thing, or the plugin is broken.
    """
    for info in registry.plugins:
        if not info.is_ok and name in (None, info.name):
            raise PluginError(f"plugin {info} is broken: {info.reason}.", hint="Mend it first.")
    found = [
        Item(kind, entry.spec.name, entry.plugin)
        for kind in CONTRACTS
        for entry in getattr(registry, f"{kind}s").values()
        if name in (None, entry.plugin, entry.spec.name)
    ]
    if not found:
        names = {info.name for info in registry.plugins}
        names |= {n for kind in CONTRACTS for n in getattr(registry, f"{kind}s")}
        near = get_close_matches(name or "", sorted(names), n=1)
        hint = f"Did you mean {near[0]}?" if near else "See: autometa plugins list"
        raise PluginError(f"nothing that has a contract is named {name!r}.", hint=hint)
    return found


def run_contracts(items: Sequence[Item], files: Sequence[str]) -> None:
    """Runs pytest in a process of its own and counts what it says.

    Args:
        items: Take the results.
        files: One-file plugins.

    Raises:
        PluginError: If the tests could not be run at all.
    """
    with TemporaryDirectory(prefix="autometa-") as folder:
        place = Path(folder)
        module, results = place / "test_contracts.py", place / "results.xml"
        module.write_text(module_text(items, files), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", str(module), "-q", "--tb=short"]
        command += [
            "-p",
            "no:cacheprovider",
            "--rootdir",
            folder,
            "-c",
            os.devnull,
            f"--junitxml={results}",
        ]
        done = subprocess.run(  # noqa: S603 - our own words only
            command, capture_output=True, text=True, check=False, env=_environment()
        )
        if not results.is_file():
            last = (done.stdout + done.stderr).strip().splitlines()[-1:]
            raise PluginError(f"the contract tests cannot be run: {' '.join(last)}")
        _count(ElementTree.parse(results), items)  # noqa: S314 - pytest has just written it


def _environment() -> dict[str, str]:
    """Leaves out what would change which tests run and how."""
    return {
        **{key: value for key, value in os.environ.items() if key != "PYTEST_ADDOPTS"},
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def module_text(items: Sequence[Item], files: Sequence[str]) -> str:
    """Gives the test module: one class per item, that inherits its contract."""
    classes = (
        f"\n\nclass {item.title}({CONTRACTS[item.kind]}):\n"
        f"    spec = {item.name!r}\n    files = {tuple(files)!r}\n"
        for item in items
    )
    return _HEAD + "".join(classes)


def _count(results: ElementTree.ElementTree[Any], items: Sequence[Item]) -> None:
    by_title = {item.title: item for item in items}
    for case in results.iter("testcase"):
        item = by_title[str(case.get("classname", "")).rpartition(".")[2]]
        failed = [part for kind in ("failure", "error") for part in case.iter(kind)]
        if failed:
            text = failed[0].text or str(failed[0].get("message", ""))
            item.failures.append({"test": str(case.get("name")), "text": text.strip()})
        elif case.find("skipped") is not None:
            item.skipped += 1
        else:
            item.passed += 1


def to_json(items: Sequence[Item]) -> Mapping[str, Any]:
    """Gives ``status`` (``ok`` or ``broken``) and ``items``."""
    return {
        "status": "broken" if any(item.failures for item in items) else "ok",
        "items": [
            {
                "kind": item.kind,
                "name": item.name,
                "plugin": item.plugin,
                "passed": item.passed,
                "failed": len(item.failures),
                "skipped": item.skipped,
                "failures": item.failures,
            }
            for item in items
        ],
    }


def to_text(items: Sequence[Item]) -> str:
    """Gives a table, then what failed and what to do."""
    rows = [
        [i.kind, i.name, i.plugin, str(i.passed), str(len(i.failures)), str(i.skipped)]
        for i in items
    ]
    header = ["KIND", "NAME", "PLUGIN", "PASSED", "FAILED", "SKIPPED"]
    parts = [output.table(header, rows)]
    for item in items:
        # One mistake breaks many tests in the same words.
        for text in dict.fromkeys(failure["text"] for failure in item.failures):
            tests = [failure["test"] for failure in item.failures if failure["text"] == text]
            parts += ["", f"{item.kind} {item.name}: {', '.join(tests)}"]
            parts += [f"  {output.printable(line)}" for line in text.splitlines()]
    return "\n".join(parts)
