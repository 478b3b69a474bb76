"""What an executor is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class JobOutcome(StrEnum):
    """How a job ended."""

    OK = "ok"
    NOT_APPLICABLE = "not_applicable"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    ERROR = "error"
    DIED = "died"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One call in a worker.

    Args:
        id: Unique within an executor.
        function: ``"package.module:name"``, called as ``function(payload, deadline)``; `deadline`
            is a moment of `time.monotonic`. It returns a JSON object.
        payload: JSON object.
        wall_seconds: The job's group is stopped after so many seconds; inf = never.
        log: File that takes what the job prints (appended, capped); None = dropped.
    """

    id: str
    function: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    wall_seconds: float = float("inf")
    log: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """How one job ended.

    Args:
        id: `Job.id`.
        outcome: How it ended.
        value: What the function returned; None unless OK.
        reason: One line for the user; "" when OK.
        error_type: Qualified name of the exception class, or "".
        error_data: JSON attributes of an `AutometaError` (message, hint, exit_code...), else {}.
        traceback: Full text, or "".
        cpu_seconds: CPU seconds of the job and the children it waited for; for a killed worker
            its last known figure.
        wall_seconds: From hand-over to report.
    """

    id: str
    outcome: JobOutcome
    value: Mapping[str, Any] | None = None
    reason: str = ""
    error_type: str = ""
    error_data: Mapping[str, Any] = field(default_factory=dict)
    traceback: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


class Executor(Protocol):
    """Runs jobs, at most `n_workers` at a time."""

    @property
    def n_workers(self) -> int:
        """How many jobs run side by side."""

    def submit(self, job: Job) -> None:
        """Starts the job as soon as a worker is free; never blocks for long."""

    def wait(self, timeout: float) -> list[JobReport]:
        """Gives the reports that came in, waiting at most `timeout` seconds for the first."""

    def cancel(self, job_id: str) -> None:
        """Stops the job; its report comes as CANCELLED from `wait`. Unknown ids are ignored."""

    def close(self) -> None:
        """Ends every worker and every process it left. Idempotent."""
