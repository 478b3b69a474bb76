"""What a job may have changed in its process, and how a worker puts it back."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import logging
import os
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TextIO

_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)


class ProcessState:
    """The state of a worker between jobs: where it stands, what it prints to, how it reacts.

    Args:
        output: File descriptor that takes what jobs print. On a crash, and when it is asked to
            end (SIGTERM), the process writes its Python stack there.
    """

    def __init__(self, output: int) -> None:
        self._output = output
        self._null = os.open(os.devnull, os.O_RDONLY)
        self._folder = _working_folder()
        self._environment = os.environ.copy()
        self._path = list(sys.path)
        self._recursion_limit = sys.getrecursionlimit()
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._log_handlers = list(logging.root.handlers)
        self._log_level = logging.root.level
        self._umask = os.umask(0)
        os.umask(self._umask)
        self._stdout, self._stderr = self._open_streams()
        self._watch_sigterm()
        # Children get the signals of the group too; the stack to read is the worker's.
        os.register_at_fork(after_in_child=partial(faulthandler.unregister, signal.SIGTERM))

    def restore(self) -> None:
        """Puts everything back, and the global random generators to a fixed seed.

        Raises:
            OSError: If the working directory is gone; the process should be replaced.
        """
        self._restore_streams()
        self._restore_interpreter()
        self._restore_signals()
        os.umask(self._umask)
        os.chdir(self._folder)

    def flush(self) -> None:
        """Writes out what a job printed, from Python and from C."""
        for stream in (self._stdout, self._stderr):
            with contextlib.suppress(OSError, ValueError):  # a job closed or detached it
                stream.flush()
        ctypes.CDLL(None).fflush(None)

    def _restore_streams(self) -> None:
        self._point_descriptors()
        if not (_is_open(self._stdout) and _is_open(self._stderr)):
            self._stdout, self._stderr = self._open_streams()
        sys.stdout, sys.stderr = self._stdout, self._stderr

    def _point_descriptors(self) -> None:
        os.dup2(self._null, 0)
        os.dup2(self._output, 1)
        os.dup2(self._output, 2)

    def _open_streams(self) -> tuple[TextIO, TextIO]:
        self._point_descriptors()
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
        sys.stdout = _open_stream(1)
        sys.stderr = _open_stream(2)
        return sys.stdout, sys.stderr

    def _restore_interpreter(self) -> None:
        if os.environ != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        sys.path[:] = self._path
        sys.setrecursionlimit(self._recursion_limit)
        logging.root.handlers[:] = self._log_handlers
        logging.root.setLevel(self._log_level)
        _seed_generators()

    def _restore_signals(self) -> None:
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        changed = {
            number: handler
            for number, handler in self._handlers.items()
            if handler is not None and signal.getsignal(number) is not handler
        }
        for number, handler in changed.items():
            signal.signal(number, handler)
        if signal.SIGTERM in changed:
            self._watch_sigterm()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        faulthandler.enable(self._output, all_threads=False)

    def _watch_sigterm(self) -> None:
        faulthandler.unregister(signal.SIGTERM)
        faulthandler.register(signal.SIGTERM, self._output, all_threads=False, chain=True)


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:  # removed since; jobs mostly name files by absolute paths
        return Path("/")


def _open_stream(descriptor: int) -> TextIO:
    # By lines, so that what was printed before a kill is in the log; UTF-8 in any locale.
    return open(
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _is_open(stream: TextIO) -> bool:
    try:
        return not stream.closed
    except ValueError:  # detached
        return False


def _seed_generators() -> None:
    """Gives every job the same global random state, whatever ran before it, and where."""
    random.seed(0)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(0)
        numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
