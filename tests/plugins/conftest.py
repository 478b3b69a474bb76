"""Distributions with plugins, as an installer leaves them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autometa.registry import PluginInfo, Registry

LEARNER = """\
from autometa import LearnerSpec, hookimpl

@hookimpl
def autometa_learners():
    return [LearnerSpec(
        name={name!r}, problems=frozenset({{"classification"}}), summary="A test's learner.",
        factory="{module}.learner:Own", space="{module}.learner:space",
    )]
"""
Install = Callable[..., None]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; what was imported from it is forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Puts a distribution with one entry point into `site`, as an installer leaves it."""

    def write(
        module: str,
        source: str,
        *,
        version: str = "1.0",
        point: str | None = None,
        requires: str | None = None,
    ) -> None:
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n"
        metadata += f"Requires-Dist: {requires}\n" if requires else ""
        (info / "METADATA").write_text(metadata)
        (info / "entry_points.txt").write_text(point or f"[autometa]\n{module} = {module}\n")

    return write


def info_of(registry: Registry, name: str) -> PluginInfo:
    (info,) = [info for info in registry.plugins if info.name == name]
    return info
