"""The workers of a pool: started, heard, stopped at their limits, replaced when they end."""

from __future__ import annotations

import math
import os
import selectors
import signal
import time
from collections.abc import Iterator

from autometa.errors import AutometaError
from autometa.execution.handle import Message, WorkerHandle
from autometa.execution.job import Job, JobOutcome, JobReport
from autometa.execution.link import NurseryConfig, NurseryLink
from autometa.execution.reports import decode_report, describe_exit, report_without_worker
from autometa.execution.wire import Event

_KILL_SECONDS = 0.5
_STARTS_PER_WORKER = 5
# A pipe that gave little is left alone for a moment, or each printed line would wake the parent.
_LITTLE_BYTES = 65_536
_REST_SECONDS = 0.005


class Crew:
    """A fixed number of workers, all of one nursery; both are replaced when they end.

    Args:
        n_workers: How many, at least 1.
        config: How the nursery is started, also the next one if it dies.

    Raises:
        OSError: If no process can be started.
    """

    def __init__(self, n_workers: int, config: NurseryConfig) -> None:
        self._n_workers = n_workers
        self._config = config
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, WorkerHandle] = {}
        self._resting: dict[WorkerHandle, float] = {}
        self._reports: list[JobReport] = []
        self._n_started = 0
        self._n_failed = 0
        self._start_nursery()

    @property
    def busy(self) -> list[WorkerHandle]:
        """The workers that run a job."""
        return [worker for worker in self._workers.values() if worker.running is not None]

    @property
    def idle(self) -> Iterator[WorkerHandle]:
        """The workers that can take a job."""
        return (worker for worker in list(self._workers.values()) if worker.is_idle)

    @property
    def process_ids(self) -> list[int]:
        """Process ids of the nursery and of the workers that run, in this order."""
        return [self._link.pid, *(w.pid for w in self._workers.values() if w.pid)]

    def start(self, worker: WorkerHandle, job: Job, payload: str) -> None:
        """Hands a job, with its payload as JSON, to an idle worker."""
        worker.start(job, payload, time.monotonic())
        self._watch_channel(worker)

    def stop(self, worker: WorkerHandle, outcome: JobOutcome) -> None:
        """Asks a job to end, with SIGTERM; one that was asked before is killed.

        Args:
            worker: Runs the job.
            outcome: What its report shall say, TIMEOUT or CANCELLED.
        """
        running = worker.running
        if running is None:
            return
        is_first = running.stopped_as is None
        running.stopped_as = running.stopped_as or outcome
        running.alarm = time.monotonic() + _KILL_SECONDS if is_first else math.inf
        number = signal.SIGTERM if is_first else signal.SIGKILL
        self._link.signal_worker(worker.number, number)

    def turn(self, timeout: float) -> list[JobReport]:
        """Waits for anything to happen, deals with all that did, and gives the new reports.

        Args:
            timeout: At most so many seconds; 0 = only look.

        Raises:
            AutometaError: If workers cannot be started.
        """
        for key, mask in self._selector.select(self._patience(timeout)):
            worker: WorkerHandle | None = key.data
            if worker is None:
                self._hear_nursery()
            elif worker.is_closed:  # it went with an earlier event
                continue
            elif key.fileobj is worker.output:
                self._read_output(worker)
            else:
                self._hear_worker(worker, mask)
        self._check_clock()
        reports, self._reports = self._reports, []
        return reports

    def close(self) -> None:
        """Ends every worker and every process it left, without reports."""
        # While it still imports it has no workers to end, and would not listen.
        self._link.close(at_once=len(self.process_ids) == 1)
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
        self._selector.close()

    def _patience(self, timeout: float) -> float | None:
        alarms = [worker.running.alarm for worker in self.busy if worker.running]
        next_alarm = min([*alarms, *self._resting.values()], default=math.inf)
        patience = max(0.0, min(timeout, next_alarm - time.monotonic()))
        return None if patience == math.inf else patience

    def _check_clock(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker, until in self._resting.items() if until <= now]:
            del self._resting[worker]
            self._selector.register(worker.output, selectors.EVENT_READ, worker)
        for worker in self.busy:
            if worker.running and worker.running.alarm <= now:
                self.stop(worker, JobOutcome.TIMEOUT)

    def _hear_worker(self, worker: WorkerHandle, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            worker.send()
        for message in worker.receive():
            self._take(worker, message)
        if worker.is_over:
            self._selector.unregister(worker.channel)
            # Most likely it has ended. One that closed its socket is lost for us just as well.
            self._link.signal_worker(worker.number, signal.SIGKILL)
        else:
            self._watch_channel(worker)

    def _watch_channel(self, worker: WorkerHandle) -> None:
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.has_to_send else 0)
        if self._selector.get_key(worker.channel).events != wanted:
            self._selector.modify(worker.channel, wanted, worker)

    def _read_output(self, worker: WorkerHandle) -> None:
        if worker.read_output() < _LITTLE_BYTES:
            self._selector.unregister(worker.output)
            self._resting[worker] = time.monotonic() + _REST_SECONDS

    def _take(self, worker: WorkerHandle, message: Message) -> None:
        worker.total_cpu_seconds = message.total_cpu_seconds
        worker.is_ready = True
        self._n_failed = 0
        # One that was asked to end a moment ago will do so, and counts as stopped.
        if worker.running is None or worker.running.stopped_as is not None:
            return
        report = decode_report(
            message.report,
            cpu_seconds=message.cpu_seconds,
            wall_seconds=message.finished - worker.running.started,
        )
        worker.read_output()
        self._finish(worker, report)
        worker.retires = message.retires

    def _finish(self, worker: WorkerHandle, report: JobReport) -> None:
        if worker.running is not None:
            worker.running.log.close()
        worker.running = None
        self._reports.append(report)

    def _hear_nursery(self) -> None:
        try:
            for event, number, argument, seconds in self._link.events():
                worker = self._workers[number]
                if event is Event.STARTED:
                    worker.pid = argument
                    continue
                failed = f"could not be started: {os.strerror(argument)}"
                ended = event is Event.ENDED
                died = describe_exit(os.waitstatus_to_exitcode(argument)) if ended else failed
                self._bury(worker, f"worker {died}", seconds)
                self._start_worker()
        except EOFError:
            self._replace_nursery()

    def _bury(self, worker: WorkerHandle, died: str, seconds: float) -> None:
        """Lets go of a worker that has ended, after `seconds` of CPU time in all."""
        for message in worker.receive():
            self._take(worker, message)
        worker.read_output()
        if worker.running is not None:
            running = worker.running
            report = report_without_worker(
                running,
                died=died,
                cpu_seconds=seconds - worker.total_cpu_seconds,
                wall_seconds=time.monotonic() - running.started,
            )
            self._finish(worker, report)
        self._forget(worker)
        if not worker.is_ready:
            self._count_failure(1, died, worker.words.decode(errors="replace"))

    def _forget(self, worker: WorkerHandle) -> None:
        del self._workers[worker.number]
        self._resting.pop(worker, None)
        for end in (worker.channel, worker.output):
            if end in self._selector.get_map():
                self._selector.unregister(end)
        worker.close()

    def _replace_nursery(self) -> None:
        self._selector.unregister(self._link.socket)
        words = self._link.last_words()
        self._link.close(at_once=True)
        died = f"the process that starts workers {describe_exit(self._link.exit_code)}"
        for worker in list(self._workers.values()):
            worker.is_ready = True  # its end says nothing about how workers start
            self._bury(worker, f"worker lost: {died}", worker.total_cpu_seconds)
        self._count_failure(self._n_workers, died, words)
        self._start_nursery()

    def _count_failure(self, weight: int, died: str, words: str) -> None:
        """Counts starts that failed in a row, a nursery's as those of all its workers."""
        self._n_failed += weight
        if self._n_failed >= _STARTS_PER_WORKER * self._n_workers:
            said = "".join(words.strip().splitlines()[-1:])
            raise AutometaError(
                f"No worker process can be started: {died}{said and ': '}{said}.",
                hint="See whether memory, processes (ulimit -u) or open files (ulimit -n) ran out.",
            )

    def _start_nursery(self) -> None:
        self._link = NurseryLink(self._config)
        self._selector.register(self._link.socket, selectors.EVENT_READ, None)
        for _ in range(self._n_workers):
            self._start_worker()

    def _start_worker(self) -> None:
        self._n_started += 1
        worker = WorkerHandle(self._n_started)
        self._workers[worker.number] = worker
        self._link.start_worker(worker.number, worker.theirs.fileno(), worker.output.writer)
        worker.give_away()
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
