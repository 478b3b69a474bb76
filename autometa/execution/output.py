"""What a worker prints: a pipe, and the capped log that takes what comes out of it.

The parent reads the pipe in its own loop, so that output and report keep their order and a log
is complete when its job is reported; no thread is needed. A job that prints while the parent is
busy elsewhere first fills the pipe, which takes as much as a log does (1 MiB), and then waits
until the parent looks again. It cannot wait for ever: the parent reads before it waits for
anything a job does.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
from pathlib import Path

_PIPE_BYTES = 2**20
_HEAD_BYTES = 2**20 - 2**16
_TAIL_BYTES = 2**15
_LOGGER = logging.getLogger(__name__)


class OutputPipe:
    """A pipe that never makes its reader wait."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        if sys.platform == "linux":
            # Not allowed when the user has very many pipes: it then stays at 64 KiB.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def fileno(self) -> int:
        """Gives the descriptor of the reading end."""
        return self.reader

    def read(self) -> bytes:
        """Gives all that is in the pipe now."""
        try:
            return os.read(self.reader, _PIPE_BYTES)
        except BlockingIOError:
            return b""

    def close_writer(self) -> None:
        """Closes the writing end here, once the worker has it."""
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def close(self) -> None:
        """Closes both ends."""
        self.close_writer()
        os.close(self.reader)


class CappedLog:
    """Appends to a file what fits into 1 MiB: the beginning, and the end when it is closed.

    Args:
        path: The file, made with its folder at the first byte; None drops everything.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._taken = 0
        self._seen = 0
        self.tail = b""

    def write(self, data: bytes) -> None:
        """Takes output. A file that cannot be written costs one warning."""
        head = data[: _HEAD_BYTES - self._taken]
        if head:
            self._append(head)
            self._taken += len(head)
        self._seen += len(data)
        self.tail = (self.tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]

    def close(self) -> None:
        """Writes the end of what did not fit, after a line that says how much is missing."""
        rest = min(self._seen - self._taken, len(self.tail))
        if rest <= 0:
            return
        missing = self._seen - self._taken - rest
        if missing:
            self._append(f"\n[autometa: {missing} bytes of output left out]\n".encode())
        self._append(self.tail[-rest:])

    def _append(self, data: bytes) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(data)
        except (OSError, ValueError) as exc:  # ValueError: no file can have this name
            _LOGGER.warning("Output of a job is lost: cannot write %s: %s", self._path, exc)
            self._path = None
