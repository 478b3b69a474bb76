"""Reports, other than those a worker writes: of jobs that were stopped, and of dead workers."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

from autometa.execution.blame import blame, one_line, out_of_memory
from autometa.execution.handle import RunningJob
from autometa.execution.job import JobOutcome, JobReport

_LAST_WORDS_LENGTH = 2048
_DUMP_TITLE = "(most recent call first):"
_DUMPED_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)


def decode_report(text: str, *, cpu_seconds: float, wall_seconds: float) -> JobReport:
    """Gives the report of which `boundary.run_job` wrote the text."""
    fields: dict[str, Any] = json.loads(text)
    fields["outcome"] = JobOutcome(fields["outcome"])
    return JobReport(**fields, cpu_seconds=cpu_seconds, wall_seconds=wall_seconds)


def cancelled_report(job_id: str) -> JobReport:
    """Gives the report of a job that never started."""
    return JobReport(id=job_id, outcome=JobOutcome.CANCELLED, reason="cancelled")


def report_without_worker(
    running: RunningJob, *, died: str, cpu_seconds: float, wall_seconds: float
) -> JobReport:
    """Gives the report of a job whose worker ended, or was ended.

    Args:
        running: The job; its log is complete.
        died: How the worker ended, for a job that nobody stopped.
        cpu_seconds: Of the job.
        wall_seconds: Since the hand-over.
    """
    words = running.log.tail.decode(errors="replace")
    stack = _dumped_stack(words)
    outcome, reason = _explain(running, died, words)
    frames = [(file, int(line), name) for file, line, name in _DUMPED_FRAME.findall(stack)]
    place = blame(reversed(frames))
    return JobReport(
        id=running.job.id,
        outcome=outcome,
        reason=f"{one_line(reason)} ({place})" if place else one_line(reason),
        traceback=stack,
        cpu_seconds=max(0.0, cpu_seconds),
        wall_seconds=wall_seconds,
    )


def describe_exit(code: int) -> str:
    """Says how a process ended: ``"exited with status 3 ..."``, ``"died (signal 9, ...)"``.

    Args:
        code: Exit status, or the negative number of a signal.
    """
    if code >= 0:
        return f"exited with status {code} (os._exit, or exit of native code)"
    hint = "; the kernel does this when memory runs out" if -code == signal.SIGKILL else ""
    return f"died (signal {-code}, {_signal_name(-code)}{hint})"


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else "real-time"


def _explain(running: RunningJob, died: str, words: str) -> tuple[JobOutcome, str]:
    if running.stopped_as is JobOutcome.TIMEOUT:
        limit = running.job.wall_seconds
        return JobOutcome.TIMEOUT, f"stopped at the wall limit of {limit:.3g} s"
    if running.stopped_as is JobOutcome.CANCELLED:
        return JobOutcome.CANCELLED, "cancelled"
    if out_of_memory(words[-_LAST_WORDS_LENGTH:]):
        return JobOutcome.MEMORY, f"out of memory: {died}"
    return JobOutcome.DIED, died


def _dumped_stack(words: str) -> str:
    """Gives the last Python stack that a dying process wrote, innermost call first, or ""."""
    title = words.rfind(_DUMP_TITLE)
    if title < 0:
        return ""
    start = words.rfind("Fatal Python error", 0, title)
    return words[start if start >= 0 else words.rfind("\n", 0, title) + 1 :]
