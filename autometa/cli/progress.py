"""What a search shows while it runs: a live line on a terminal, notes elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autometa.cli import output
from autometa.cli.options import Settings
from autometa.task import Task

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from autometa.orchestrator.loop import Progress
    from autometa.search.study import ToldTrial
    from autometa.trial import TrialResult


class Lines:
    """Writes notes to stderr, one line each."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def note(self, text: str) -> None:
        """Writes a note."""
        output.note(self._settings, text)

    def trial(self, told: ToldTrial, best: TrialResult | None, n_told: int) -> None:
        """Writes a trial, when asked for details."""
        if self._settings.verbose:
            self.note(describe(told.result))

    def tick(self, remaining: float, running: Sequence[str]) -> None:
        """Shows nothing."""


class Live:
    """A bar with trial, best, learner and time left.

    Args:
        bar: Started.
        task: Whose budget is its length.
    """

    def __init__(self, bar: Bar, task: Task) -> None:
        self._bar = bar
        self._trials = task.budget.trials
        self._seconds = task.budget.seconds
        self._begin = time.monotonic()
        self._row = bar.add_task(
            "preparing", total=self._seconds or self._trials, best="", running=""
        )

    def note(self, text: str) -> None:
        """Writes a note above the bar."""
        self._bar.console.print(output.printable(text), markup=False, highlight=False)

    def trial(self, told: ToldTrial, best: TrialResult | None, n_told: int) -> None:
        """Counts a trial."""
        shown = f"trial {n_told}" + (f"/{self._trials}" if self._trials else "")
        text = ""
        if best is not None and best.values:
            text = f"best {best.values[0]:.5g} (#{best.number} {best.params.get('learner', '')})"
        self._bar.update(self._row, description=shown, best=text)
        if self._seconds is None:
            self._bar.update(self._row, completed=n_told)

    def tick(self, remaining: float, running: Sequence[str]) -> None:
        """Moves the bar."""
        if self._seconds is not None:
            self._bar.update(self._row, completed=self._seconds - remaining)
        self._bar.update(self._row, running=", ".join(running))


@contextmanager
def make_progress(settings: Settings, task: Task) -> Iterator[Progress]:
    """Gives the display that fits where stderr goes."""
    console = output.console(settings)
    if console is None or settings.verbose:
        yield Lines(settings)
        return
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[best]}"),
        TextColumn("{task.fields[running]}", style="dim"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        yield Live(bar, task)


def describe(result: TrialResult) -> str:
    """Gives one line on a trial."""
    learner = result.params.get("learner", "")
    if result.values and result.outcome == "complete":
        values = ", ".join(f"{value:.5g}" for value in result.values)
        return f"trial {result.number} {learner}: {values} ({result.cost_seconds:.2f} CPU s)"
    return f"trial {result.number} {learner}: {result.outcome} ({result.reason})"
