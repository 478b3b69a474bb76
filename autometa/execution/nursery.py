"""The process that starts workers: it imports what they share once, and forks them from then on.

It stays single-threaded, since forking is safe only so. Each worker leads a session of its own.
When a worker ends, what it left is killed before its end is told; when the parent ends, however
it does, every worker and all they started are killed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import traceback
from collections.abc import Mapping
from typing import Any

from autometa.errors import NotApplicable, PluginError
from autometa.execution import processes
from autometa.execution.wire import EVENT, REQUEST, Event, Request
from autometa.execution.worker import serve
from autometa.resolve import load_module


class Nursery:
    """Starts workers, and sees to it that nothing outlives them.

    Args:
        control: Takes requests and gives events.
        parent: Process id of the parent; when it ends, so does everything here.
        memory_mib: Limit of each worker, see `processes.limit_resources`.
    """

    def __init__(self, control: socket.socket, *, parent: int, memory_mib: float | None) -> None:
        self._control = control
        self._parent = parent
        self._memory_mib = memory_mib
        self._workers: dict[int, int] = {}  # process id: worker
        self._bell, self._ringer = socket.socketpair()
        self._parent_end = _watch_process(parent)

    def run(self) -> None:
        """Serves until the parent ends or closes the socket; then ends all processes below."""
        self._listen_for_ended_children()
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._bell, select.POLLIN)
        if self._parent_end >= 0:
            # A fork of the parent may hold the socket open after its end.
            poll.register(self._parent_end, select.POLLIN)
        while os.getppid() == self._parent:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._bell.fileno() in ready:
                self._bell.recv(4096)
                self._bury()
            if self._control.fileno() in ready and not self._obey():
                break
        processes.end_descendants(patience_seconds=5)

    def _listen_for_ended_children(self) -> None:
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def _obey(self) -> bool:
        """Does one request; gives False when the parent has closed the socket."""
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._control, REQUEST.size, 2, socket.MSG_WAITALL
            )
        except ConnectionResetError:
            return False
        if len(data) < REQUEST.size:
            return False
        request, worker, argument = REQUEST.unpack(data)
        if request == Request.START:
            self._start(worker, descriptors)
        else:
            self._signal(worker, argument)
        return True

    def _start(self, worker: int, descriptors: list[int]) -> None:
        channel, output = descriptors
        own = os.getpid()
        try:
            pid = os.fork()
        except OSError as exc:
            self._tell(Event.FAILED, worker, exc.errno or 0)
        else:
            if pid == 0:
                self._become_worker(own, channel, output)
            self._workers[pid] = worker
            self._tell(Event.STARTED, worker, pid)
        os.close(channel)
        os.close(output)

    def _become_worker(self, nursery: int, channel: int, output: int) -> None:
        """Never returns."""
        try:
            os.setsid()
            os.dup2(output, 1)
            os.dup2(output, 2)
            processes.die_with_parent(nursery)
            processes.adopt_orphans()
            processes.name_process("autometa-worker")
            self._let_go()
            processes.limit_resources(self._memory_mib)
            serve(socket.socket(fileno=channel), output)
            os._exit(0)
        finally:
            try:
                traceback.print_exc()
            finally:  # nothing may unwind into the nursery's frames
                os._exit(1)

    def _let_go(self) -> None:
        """Drops what belongs to the nursery alone."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._control, self._bell, self._ringer):
            end.close()
        if self._parent_end >= 0:
            os.close(self._parent_end)

    def _signal(self, worker: int, number: int) -> None:
        # The nursery alone buries workers: a process id in its table is not yet used again.
        for pid, known in self._workers.items():
            if known == worker:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, number)

    def _bury(self) -> None:
        """Tells which workers ended, after killing what they left."""
        ended: list[tuple[int, int, float]] = []
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if (worker := self._workers.pop(pid, None)) is not None:
                ended.append((worker, status, usage.ru_utime + usage.ru_stime))
        processes.end_descendants(spare=self._workers)
        for worker, status, seconds in ended:
            self._tell(Event.ENDED, worker, status, seconds)

    def _tell(self, event: Event, worker: int, argument: int, seconds: float = 0.0) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.sendall(EVENT.pack(event, worker, argument, seconds))


def _watch_process(pid: int) -> int:
    """Gives a descriptor that becomes readable when the process ends, or -1 where there is none."""
    try:
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    except OSError:  # some containers do not allow it
        return -1


def main(config: Mapping[str, Any]) -> None:
    """Runs a nursery.

    Args:
        config: ``control`` (file descriptor), ``parent`` (process id), ``memory_mib`` and
            ``preload`` (names of modules; one that fails to load is left to the jobs).
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    processes.name_process("autometa-fork")
    processes.adopt_orphans()
    for name in config["preload"]:
        with contextlib.suppress(PluginError, NotApplicable):
            load_module(name)
    # What is imported stays shared with the workers: a collection would touch, hence copy, it.
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=config["control"])
    Nursery(control, parent=config["parent"], memory_mib=config["memory_mib"]).run()
    # Taking down an interpreter full of libraries costs 0.1 s, and the parent waits.
    os._exit(0)
