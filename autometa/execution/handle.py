"""One worker as the pool sees it: its socket, its output, the job it runs."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass

from autometa.execution.job import Job, JobOutcome
from autometa.execution.output import CappedLog, OutputPipe

_CHUNK_BYTES = 2**20


@dataclass(slots=True, kw_only=True)
class RunningJob:
    """A job in a worker.

    Args:
        job: What was asked.
        started: Moment of the hand-over.
        log: Takes what it prints.
        alarm: When it is stopped next: at its wall limit with SIGTERM, then with SIGKILL.
        stopped_as: TIMEOUT or CANCELLED once it is being stopped.
    """

    job: Job
    started: float
    log: CappedLog
    alarm: float
    stopped_as: JobOutcome | None = None


@dataclass(slots=True, kw_only=True)
class Message:
    """A line of a worker, see `worker.serve`."""

    total_cpu_seconds: float
    report: str = ""
    finished: float = 0.0
    cpu_seconds: float = 0.0
    retires: bool = False


class WorkerHandle:
    """A worker process, from the request to start it until it has ended.

    Args:
        number: Its name towards the nursery.

    Raises:
        OSError: If descriptors ran out.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.channel, self.theirs = socket.socketpair()
        self.channel.setblocking(False)
        self.output = OutputPipe()
        self.pid = 0
        self.running: RunningJob | None = None
        self.total_cpu_seconds = 0.0
        self.words = b""  # what it printed last outside of jobs
        self.is_ready = False
        self.retires = False  # is about to end by itself
        self.is_over = False  # nothing more comes from it
        self.is_closed = False
        self._incoming = bytearray()
        self._outgoing = memoryview(b"")

    @property
    def is_idle(self) -> bool:
        """Whether it can take a job."""
        return self.is_ready and self.running is None and not self.retires and not self.is_over

    @property
    def has_to_send(self) -> bool:
        """Whether part of a job still waits for room in the socket."""
        return len(self._outgoing) > 0

    def start(self, job: Job, payload: str, now: float) -> None:
        """Hands a job over.

        Args:
            job: The job.
            payload: Its payload as JSON.
            now: The moment of `time.monotonic`; the wall limit counts from here.
        """
        deadline = now + job.wall_seconds
        self.running = RunningJob(job=job, started=now, log=CappedLog(job.log), alarm=deadline)
        head = json.dumps({"id": job.id, "function": job.function, "deadline": deadline})
        self._outgoing = memoryview(f'{head[:-1]}, "payload": {payload}}}\n'.encode("ascii"))
        self.send()

    def send(self) -> None:
        """Sends as much of the job as the socket takes."""
        try:
            while self._outgoing:
                self._outgoing = self._outgoing[self.channel.send(self._outgoing) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):  # it died; the nursery tells
            self._outgoing = memoryview(b"")

    def receive(self) -> list[Message]:
        """Gives the complete lines that came in; notes in `is_over` that no more can come."""
        lines: list[Message] = []
        while not self.is_over and (data := self._read()):
            start = len(self._incoming)
            self._incoming += data
            while (end := self._incoming.find(b"\n", start)) >= 0 and not self.is_over:
                lines += self._decode(self._incoming[:end])
                del self._incoming[: end + 1]
                start = 0
        return lines

    def read_output(self) -> int:
        """Moves what is in the pipe to the log of the running job; gives the number of bytes."""
        data = self.output.read()
        if data and self.running is not None:
            self.running.log.write(data)
        elif data:
            self.words = data
        return len(data)

    def give_away(self) -> None:
        """Closes the worker's descriptors here, once they were sent."""
        self.theirs.close()
        self.output.close_writer()

    def close(self) -> None:
        """Closes all descriptors."""
        self.is_over = self.is_closed = True
        self.channel.close()
        self.theirs.close()
        self.output.close()

    def _decode(self, line: bytearray) -> list[Message]:
        try:
            return [Message(**json.loads(line))]
        except (ValueError, TypeError):  # a job wrote to a descriptor that is not its own
            self.is_over = True
            return []

    def _read(self) -> bytes:
        try:
            data = self.channel.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return b""
        except ConnectionResetError:
            data = b""
        self.is_over = not data
        return data
