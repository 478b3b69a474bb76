"""A search in this process, and what its report is made of."""

from __future__ import annotations

import importlib.util
import json
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autometa.defaults import NeverStop, Quiet
from autometa.execution import InlineExecutor
from autometa.orchestrator import optimize
from autometa.orchestrator.reportlater import report_later
from autometa.plugins import load_plugins
from autometa.report.material import Material
from autometa.task import Task
from autometa.tracking.tracker import NullTracker
from autometa.workspace import Workspace

ORCHESTRATOR = Path(__file__).parents[1] / "orchestrator"
PLUGIN = ORCHESTRATOR / "parts_plugin.py"
VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Checks that tags are balanced, and keeps what is shown and what would be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.headings: list[str] = []
        self.shown = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        self.fetched += [str(v) for k, v in values.items() if k in ("src", "href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.shown += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def _write_table(path: Path) -> None:
    spec = importlib.util.spec_from_file_location("small_table", ORCHESTRATOR / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write_table(path)


class Searched:
    """A finished search of a task with two objectives and compressors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = load_plugins([PLUGIN])
        _write_table(folder / "table.csv")
        self.task = Task.from_json(
            {
                "name": "small",
                "data": {"source": "table.csv", "target": "label"},
                "budget": {"trials": 12, "seconds": None},
                "validation": {"kind": "holdout"},
                "search": {"learners": ["slope"], "compressors": ["trim"]},
                "objectives": ["log_loss", "size_kib"],
            },
            path=folder / "task.yaml",
        )
        self.result = optimize(
            self.task,
            registry=self.registry,
            workspace=Workspace(folder),
            executor=InlineExecutor(),
            make_tracker=lambda _: NullTracker(),
            open_knowledge=lambda: None,
            progress=Quiet(),
            stop=NeverStop(),
            started=time.monotonic(),
            report=True,
        )
        self.study = Workspace(folder).study(self.task.name)

    def again(self, **options: Any) -> dict[str, Any]:
        """Writes the report from what the study left."""
        arguments = {"output": None, "learning_curve": False, **options}
        return report_later(
            self.task,
            folder=self.study,
            registry=self.registry,
            executor=InlineExecutor(),
            **arguments,
        )


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    return Searched(tmp_path_factory.mktemp("searched"))


@pytest.fixture(scope="session")
def material(searched: Searched) -> Material:
    from autometa.orchestrator.reporting import material
    from autometa.search.storage import open_to_read
    from autometa.search.study import HEADER, read_study

    storage = open_to_read("auto", searched.study)
    assert storage is not None
    found = read_study(storage, searched.task.name)
    assert found is not None
    attrs, told = found
    data = material(
        searched.task,
        attrs[HEADER],
        told,
        searched.result.report,
        folder=searched.study,
        registry=searched.registry,
    )
    return Material.from_json(json.loads(json.dumps(data)))


@pytest.fixture(scope="session")
def advised(material: Material) -> Material:
    """The same search, as if past tasks had advised it."""
    told = [
        replace(
            trial,
            result=replace(trial.result, proposer="similar"),
            explanation={
                "expert": "similar",
                "sources": [["iris & co", 0.7], ["wine", 0.2]],
                "experts": {"similar": 0.6, "target": 0.4},
                "expected_value": 0.5,
                "past_trusted": trial.result.number < 6,
            },
        )
        for trial in material.told
    ]
    prior = {"used": True, "sources": ["iris & co", "wine"], "digest": "abc"}
    return replace(material, told=told, final={**material.final, "prior": prior})
