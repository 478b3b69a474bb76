"""The parent's end of the nursery: starts it, asks it, hears from it, ends it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autometa.execution import processes
from autometa.execution.wire import EVENT, REQUEST, Event, Request

# Not `python -m`: what the parent can import, a job must be able to import, autometa first.
_MAIN = """\
import json, sys
config = json.loads(sys.argv[1])
sys.path[:] = config["path"]
from autometa.execution.nursery import main
main(config)
"""
_MARK = "AUTOMETA_NURSERY"
_END_SECONDS = 8.0
_LAST_WORDS_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class NurseryConfig:
    """How a nursery is started.

    Args:
        memory_mib: Limit of each worker in MiB, or None.
        preload: Names of modules that the workers share.
        environment: Variables on top of the parent's own.
    """

    memory_mib: float | None
    preload: Sequence[str]
    environment: Mapping[str, str]


class NurseryLink:
    """A running nursery.

    Args:
        config: How it is started.

    Raises:
        OSError: If no process can be started.
    """

    def __init__(self, config: NurseryConfig) -> None:
        self.socket, theirs = socket.socketpair()
        self._mark = f"{os.getpid()}-{os.urandom(8).hex()}"
        self._words = _memory_file()
        words = subprocess.DEVNULL if self._words is None else self._words
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-P", "-c", _MAIN, _describe(config, theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env={**os.environ, **config.environment, _MARK: self._mark},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._rest = b""

    @property
    def pid(self) -> int:
        """Process id of the nursery."""
        return self._process.pid

    def start_worker(self, worker: int, channel: int, output: int) -> None:
        """Asks for a worker with these descriptors; STARTED or FAILED follows."""
        # A dead nursery is told by `events`.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(
                self.socket, [REQUEST.pack(Request.START, worker, 0)], [channel, output]
            )

    def signal_worker(self, worker: int, number: signal.Signals) -> None:
        """Sends a signal to the group of a worker; one that ended is ignored."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(REQUEST.pack(Request.SIGNAL, worker, number))

    def events(self) -> Iterator[tuple[Event, int, int, float]]:
        """Gives what was told since: event, worker, argument, seconds.

        Raises:
            EOFError: After the last event, if the nursery has ended.
        """
        data, is_over = self._receive()
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        for event, worker, argument, seconds in EVENT.iter_unpack(data[:whole]):
            yield Event(event), worker, argument, seconds
        if is_over:
            raise EOFError

    def close(self, *, at_once: bool = False) -> None:
        """Ends the nursery, every worker and all they started. Idempotent.

        Args:
            at_once: Kill it: it has no workers yet, or does not answer.
        """
        self.socket.close()
        if at_once:
            self._process.kill()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        if self._process.wait() != 0:
            processes.end_marked(f"{_MARK}={self._mark}".encode())
        if self._words is not None:
            os.close(self._words)
            self._words = None

    @property
    def exit_code(self) -> int:
        """How the closed nursery ended: its status, or the negative number of a signal."""
        return self._process.wait()

    def last_words(self) -> str:
        """Gives the end of what the nursery printed."""
        if self._words is None:
            return ""
        size = os.fstat(self._words).st_size
        start = max(0, size - _LAST_WORDS_BYTES)
        return os.pread(self._words, _LAST_WORDS_BYTES, start).decode(errors="replace")

    def _receive(self) -> tuple[bytes, bool]:
        try:
            data = self.socket.recv(65_536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b"", False
        except ConnectionResetError:
            return b"", True
        return data, not data


def _describe(config: NurseryConfig, control: int) -> str:
    described = {
        "control": control,
        "parent": os.getpid(),
        "memory_mib": config.memory_mib,
        "preload": list(config.preload),
        "path": [os.path.abspath(entry) for entry in sys.path],  # noqa: PTH100 - "" is the folder
    }
    return json.dumps(described)


def _memory_file() -> int | None:
    """Gives a file without a name for what the nursery prints; None where there are none."""
    return os.memfd_create("autometa-nursery") if hasattr(os, "memfd_create") else None
