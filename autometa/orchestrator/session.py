"""One command on one study: what it was given."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autometa.execution import Executor, Job
from autometa.observe import CALL
from autometa.orchestrator.loop import Progress, Stop
from autometa.orchestrator.memory import OpenKnowledge
from autometa.registry import Registry
from autometa.task import Task


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
    """

    task: Task
    registry: Registry
    folder: Path
    executor: Executor
    open_knowledge: OpenKnowledge
    progress: Progress
    stop: Stop
    started: float

    def observe(self, hook: str, arguments: Mapping[str, Any]) -> None:
        """Hands observers of plugins to the workers; their reports are nobody's concern.

        Args:
            hook: ``autometa_trial_finished`` or ``autometa_task_finished``.
            arguments: Of the hook, besides ``task``.
        """
        known = {"task": self.task.to_json(), **arguments}
        for observer in self.registry.observers:
            if observer.hook != hook:
                continue
            payload = {
                "function": observer.function,
                "arguments": {name: known[name] for name in observer.arguments},
            }
            self.executor.submit(
                Job(
                    id=f"observer-{uuid.uuid4().hex}",
                    function=CALL,
                    payload=payload,
                    wall_seconds=self.task.limits.trial_seconds,
                    log=self.folder / "observers.log",
                )
            )
