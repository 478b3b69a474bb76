"""One command on one study: what it was given."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autometa.execution import Executor, Job
from autometa.observe import CALL
from autometa.orchestrator.delivery import OBSERVER, overhear, run_job
from autometa.orchestrator.loop import Progress, Stop
from autometa.orchestrator.memory import OpenKnowledge
from autometa.registry import Registry
from autometa.task import Task

OBSERVED_SECONDS = 3.0
"""How long all observers of a finished task together may hold up the end of the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The collaborators of one command.

    Args:
        task: What is asked.
        registry: What plugins offer.
        folder: Of the study; locked.
        executor: Where jobs run.
        open_knowledge: Opens what past tasks taught.
        progress: Shows what happens.
        stop: Says when somebody wants it to end.
        started: Moment of `time.monotonic` at which the command began.
        wants_report: Whether the end of the search writes the page on it.
    """

    task: Task
    registry: Registry
    folder: Path
    executor: Executor
    open_knowledge: OpenKnowledge
    progress: Progress
    stop: Stop
    started: float
    wants_report: bool

    def observe_trial(self, result: Mapping[str, Any]) -> None:
        """Hands a trial to the observers of plugins, in the workers; waits for none.

        Args:
            result: `TrialResult.to_json`.
        """
        for job in self._observers("autometa_trial_finished", {"result": result}):
            self.executor.submit(job)

    def observe_end(self, report: Mapping[str, Any]) -> None:
        """Hands the report to the observers of plugins and waits for them a little.

        Args:
            report: What ``optimize --json`` prints.
        """
        end = time.monotonic() + OBSERVED_SECONDS
        for job in self._observers("autometa_task_finished", {"report": report}):
            left = max(0.1, end - time.monotonic())
            overhear(run_job(self.executor, replace(job, wall_seconds=left), n_attempts=1))

    def _observers(self, hook: str, arguments: Mapping[str, Any]) -> Iterator[Job]:
        known = {"task": self.task.to_json(), **arguments}
        for observer in self.registry.observers:
            if observer.hook == hook:
                yield Job(
                    id=f"{OBSERVER}{uuid.uuid4().hex}",
                    function=CALL,
                    payload={
                        "function": observer.function,
                        "arguments": {name: known[name] for name in observer.arguments},
                    },
                    wall_seconds=self.task.limits.trial_seconds,
                    log=self.folder / "observers.log",
                )
