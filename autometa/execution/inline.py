"""The executor without processes, for tests and debugging: a breakpoint in a job works."""

from __future__ import annotations

import contextlib
import io
import json
import time
from collections import deque
from dataclasses import replace
from types import TracebackType
from typing import Self

from autometa.execution.boundary import run_job
from autometa.execution.job import Job, JobOutcome, JobReport
from autometa.execution.output import CappedLog
from autometa.execution.processes import cpu_seconds
from autometa.execution.reports import cancelled_report, decode_report


class InlineExecutor:
    """Runs each job within `wait`, in this process.

    Jobs end with the same reports as in a `WorkerPool`, but nothing is isolated: a job that
    crashes or hangs takes this process along, its wall limit is looked at only afterwards, and
    Ctrl-C ends the job that runs as an error.

    Example:
        >>> executor = InlineExecutor()
        >>> executor.submit(Job(id="first", function="nowhere:train"))
        >>> executor.wait(timeout=0)[0].reason
        "Cannot load 'nowhere': ModuleNotFoundError: No module named 'nowhere'"
    """

    n_workers = 1

    def __init__(self) -> None:
        self._queue: deque[tuple[Job, str]] = deque()
        self._reports: list[JobReport] = []

    def submit(self, job: Job) -> None:
        """Queues the job for the next `wait`.

        Raises:
            TypeError: If the payload is not JSON.
        """
        self._queue.append((job, json.dumps(dict(job.payload))))

    def wait(self, timeout: float) -> list[JobReport]:
        """Runs the next job, however long it takes, and gives its report; [] if there is none."""
        reports, self._reports = self._reports, []
        if not reports and self._queue:
            reports = [_run(*self._queue.popleft())]
        return reports

    def cancel(self, job_id: str) -> None:
        """Takes a job that waits from the queue; its report comes as CANCELLED from `wait`."""
        for entry in [entry for entry in self._queue if entry[0].id == job_id]:
            self._queue.remove(entry)
            self._reports.append(cancelled_report(job_id))

    def close(self) -> None:
        """Drops the jobs that wait. Idempotent."""
        self._queue.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _LogStream(io.TextIOBase):
    def __init__(self, log: CappedLog) -> None:
        self._log = log

    def write(self, text: str) -> int:
        self._log.write(text.encode("utf-8", "backslashreplace"))
        return len(text)


def _run(job: Job, payload: str) -> JobReport:
    log = CappedLog(job.log)
    stream = _LogStream(log)
    start, cpu_start = time.monotonic(), cpu_seconds()
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        deadline = start + job.wall_seconds
        _, text = run_job(job.id, job.function, json.loads(payload), deadline)
    wall_seconds = time.monotonic() - start
    log.close()
    used = cpu_seconds() - cpu_start
    report = decode_report(text, cpu_seconds=used, wall_seconds=wall_seconds)
    if wall_seconds <= job.wall_seconds:
        return report
    reason = f"ended {wall_seconds:.3g} s after its start, past the limit of {job.wall_seconds:g} s"
    return replace(report, outcome=JobOutcome.TIMEOUT, value=None, reason=reason)
