"""The executor for one machine: warm worker processes, each killed and replaced alone."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from autometa.execution.crew import Crew
from autometa.execution.job import Job, JobOutcome, JobReport
from autometa.execution.link import NurseryConfig
from autometa.execution.reports import cancelled_report

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OMP_THREAD_LIMIT",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


class WorkerPool:
    """Runs jobs in processes of their own. Not for use from several threads.

    The workers are forked from a process that has imported `preload`, so that a fresh one costs
    milliseconds. They start in the background: the constructor returns at once. Whatever a job
    does, it ends with a report. When this process ends, however it does, the workers and all
    they started are killed.

    Args:
        n_workers: How many jobs run side by side, at least 1.
        memory_mib: What a job may map on top of the warm worker, in MiB, at least 1, files
            included; None = no limit.
        n_threads: How many threads numeric libraries may use per job, at least 1.
        preload: Names of modules that workers share; those that fail to load are skipped.
        environment: Variables for the workers, on top of this process's own.

    Raises:
        ValueError: If one of the numbers is below 1.
        OSError: If no process can be started.

    Example:
        >>> with WorkerPool(n_workers=1, memory_mib=512) as pool:
        ...     pool.submit(Job(id="first", function="nowhere:train"))
        ...     pool.wait(timeout=30)[0].reason
        "Cannot load 'nowhere': ModuleNotFoundError: No module named 'nowhere'"
    """

    def __init__(
        self,
        n_workers: int,
        memory_mib: float | None = None,
        *,
        n_threads: int = 1,
        preload: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        numbers = {"n_workers": n_workers, "n_threads": n_threads, "memory_mib": memory_mib}
        if any(number is not None and number < 1 for number in numbers.values()):
            raise ValueError(f"need at least 1 of each, got {numbers}")
        config = NurseryConfig(
            memory_mib=memory_mib,
            preload=tuple(preload),
            environment={**worker_environment(n_threads), **(environment or {})},
        )
        self._n_workers = n_workers
        self._queue: deque[tuple[Job, str]] = deque()
        self._reports: list[JobReport] = []
        self._crew: Crew | None = Crew(n_workers, config)

    @property
    def n_workers(self) -> int:
        """How many jobs run side by side."""
        return self._n_workers

    @property
    def process_ids(self) -> list[int]:
        """Ids of the process that starts workers, then of the workers that are started."""
        return self._open_crew().process_ids

    def submit(self, job: Job) -> None:
        """Starts the job as soon as a worker is free.

        Raises:
            TypeError: If the payload is not JSON.
            RuntimeError: If the pool is closed.
        """
        crew = self._open_crew()
        self._queue.append((job, json.dumps(dict(job.payload))))
        self._hand_over(crew)

    def wait(self, timeout: float) -> list[JobReport]:
        """Gives the reports that came in, waiting at most `timeout` seconds for the first.

        Returns at once when there is no job to wait for. Wall limits are enforced in here: who
        is busy elsewhere for long finds a hanging job stopped only when coming back.

        Raises:
            AutometaError: If workers cannot be started.
            RuntimeError: If the pool is closed.
        """
        crew = self._open_crew()
        give_up = time.monotonic() + timeout
        while True:
            is_waiting = not self._reports and bool(self._queue or crew.busy)
            self._reports += crew.turn(max(0.0, give_up - time.monotonic()) if is_waiting else 0.0)
            self._hand_over(crew)
            if not is_waiting or self._reports or time.monotonic() >= give_up:
                break
        reports, self._reports = self._reports, []
        return reports

    def cancel(self, job_id: str) -> None:
        """Stops the job; its report comes as CANCELLED from `wait`. Unknown ids are ignored.

        Raises:
            RuntimeError: If the pool is closed.
        """
        for entry in [entry for entry in self._queue if entry[0].id == job_id]:
            self._queue.remove(entry)
            self._reports.append(cancelled_report(job_id))
        crew = self._open_crew()
        for worker in crew.busy:
            running = worker.running
            if running and running.job.id == job_id and running.stopped_as is None:
                crew.stop(worker, JobOutcome.CANCELLED)

    def close(self) -> None:
        """Ends every worker and every process it left, without reports. Idempotent."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open_crew(self) -> Crew:
        if self._crew is None:
            raise RuntimeError("the worker pool is closed")
        return self._crew

    def _hand_over(self, crew: Crew) -> None:
        for worker in crew.idle:
            if self._queue:
                job, payload = self._queue.popleft()
                crew.start(worker, job, payload)


def worker_environment(n_threads: int) -> dict[str, str]:
    """Gives the variables that pin libraries to so many threads, and runs to the same results.

    They work only when they are set before the interpreter starts and the libraries are loaded.
    """
    return {
        **dict.fromkeys(_THREAD_VARIABLES, str(n_threads)),
        # Threads that spin while they wait made a fit 47 times slower on a busy machine.
        "OMP_WAIT_POLICY": "PASSIVE",
        # The memory pool of Arrow keeps a thread, and forking wants a process without threads.
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        # The order of a set of strings must not decide a score.
        "PYTHONHASHSEED": "0",
    }
