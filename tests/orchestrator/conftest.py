"""Searches in this process, on a table of 120 rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autometa.defaults import NeverStop, Quiet
from autometa.execution import InlineExecutor, Job, JobReport
from autometa.orchestrator import Result, optimize
from autometa.plugins import load_plugins
from autometa.task import Task
from autometa.tracking.tracker import NullTracker
from autometa.workspace import Workspace

PLUGIN = Path(__file__).with_name("parts_plugin.py")

Run = Callable[..., Result]


def write_table(path: Path, n_rows: int = 120) -> None:
    """Writes rows of two numbers, a group, a moment and a label that depends on the numbers."""
    rng = random.Random(0)
    lines = ["a,b,who,day,label"]
    for row in range(n_rows):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        label = "yes" if a + b + rng.gauss(0, 0.5) > 0 else "no"
        day = f"2024-{1 + row // 28:02}-{1 + row % 28:02}"
        lines.append(f"{a:.5f},{b:.5f},person {row % 12},{day},{label}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def registry() -> Any:
    return load_plugins([PLUGIN])


@pytest.fixture
def run(tmp_path: Path, registry: Any) -> Run:
    """Gives what runs a search: ``run(trials, **changes of the task)``; again = it goes on."""
    write_table(tmp_path / "table.csv")

    def run_search(trials: int, *, options: dict[str, Any] | None = None, **changes: Any) -> Result:
        content = {
            "name": "small",
            "data": {"source": "table.csv", "target": "label"},
            "budget": {"trials": trials},
            "validation": {"kind": "holdout"},
            "search": {"learners": ["slope"], "compressors": []},
            **changes,
        }
        arguments: dict[str, Any] = {
            "registry": registry,
            "workspace": Workspace(tmp_path),
            "executor": InlineExecutor(),
            "report": False,
            "make_tracker": lambda folder: NullTracker(),
            "open_knowledge": lambda: None,
            "progress": Quiet(),
            "stop": NeverStop(),
            "started": time.monotonic(),
            **(options or {}),
        }
        return optimize(Task.from_json(content, path=tmp_path / "task.yaml"), **arguments)

    return run_search


class StopAfter(InlineExecutor):
    """Asks for the end, as a signal does, once so many jobs of trials have reported."""

    def __init__(self, n_jobs: int) -> None:
        super().__init__()
        self.signal: int | None = None
        self._left = n_jobs

    def wait(self, timeout: float) -> list[Any]:
        reports = super().wait(timeout)
        self._left -= sum(report.id.startswith("trial-") for report in reports)
        if self._left <= 0:
            self.signal = 2
        return reports


class Claiming(InlineExecutor):
    """Says of some jobs that they took so long, as on a busy machine; keeps everyone's limit.

    Args:
        part: Of the ids of these jobs.
        seconds: What they are said to have taken.
    """

    def __init__(self, part: str, seconds: float) -> None:
        super().__init__()
        self._part = part
        self._seconds = seconds
        self.limits: dict[str, float] = {}

    def submit(self, job: Job) -> None:
        self.limits[job.id] = job.wall_seconds
        super().submit(job)

    def wait(self, timeout: float) -> list[JobReport]:
        reports = super().wait(timeout)
        return [
            replace(r, wall_seconds=self._seconds) if self._part in r.id else r for r in reports
        ]


@pytest.fixture
def claiming() -> type[Claiming]:
    return Claiming
