"""The main of a worker process: jobs come in as JSON lines, reports go out as JSON lines.

A worker runs one job at a time and is as good as new after each: the process state is restored
and what the job left running is killed. When that cannot be relied on, because a job left
processes or ran out of memory, the worker asks to be replaced and ends.
"""

from __future__ import annotations

import json
import os
import socket
import time
import warnings
from collections.abc import Callable
from typing import Any

from autometa.execution import processes
from autometa.execution.boundary import run_job
from autometa.execution.job import JobOutcome
from autometa.execution.state import ProcessState


def serve(channel: socket.socket, output: int) -> None:
    """Runs jobs until the channel is closed or the worker is no longer as good as new.

    Args:
        channel: Gives ``{"id", "function", "deadline", "payload"}`` per line and takes
            ``{"report", "finished", "cpu_seconds", "total_cpu_seconds", "retires"}`` per line:
            the fields of a `JobReport`, the moment of `time.monotonic` when the job ended, CPU
            seconds of the job and of the worker so far, and whether it ends now. The first line
            has no report; it says that the worker is ready.
        output: File descriptor that takes what jobs print.

    Raises:
        OSError: If nobody listens any more.
    """
    state = ProcessState(output)
    relieve = processes.memory_relief()
    state.restore()
    _send(channel, total_cpu_seconds=processes.cpu_seconds())
    with channel.makefile("rb") as lines:
        for line in lines:
            if _serve_one(channel, state, relieve, json.loads(line)):
                return


def _serve_one(
    channel: socket.socket, state: ProcessState, relieve: Callable[[], None], job: dict[str, Any]
) -> bool:
    """Runs a job and reports; gives True when the worker should be replaced."""
    before = processes.cpu_seconds()
    # Restores the warning filters and how warnings are shown.
    with warnings.catch_warnings():
        outcome, report = run_job(
            job["id"], job["function"], job["payload"], job["deadline"], relieve=relieve
        )
    finished = time.monotonic()
    retires = _clean_up(state) or outcome is JobOutcome.MEMORY
    total = processes.cpu_seconds()
    _send(
        channel,
        report=report,
        finished=finished,
        cpu_seconds=total - before,
        total_cpu_seconds=total,
        retires=retires,
    )
    return retires


def _clean_up(state: ProcessState) -> bool:
    """Makes the process as good as new; gives True if that cannot be relied on."""
    state.flush()
    # Most jobs start no process: the cheap question first, reading /proc takes milliseconds.
    left = processes.end_descendants() if processes.reap() else 0
    if left:
        os.write(2, f"[autometa: ended {left} processes that the job left]\n".encode())
    try:
        state.restore()
    except OSError:  # the working directory is gone
        return True
    return left > 0


def _send(channel: socket.socket, **message: Any) -> None:
    channel.sendall(json.dumps(message).encode("ascii") + b"\n")
