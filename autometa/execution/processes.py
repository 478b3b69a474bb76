"""Care for processes: who descends from whom, ending all of them, limits, death with the parent.

On Linux a process that calls `adopt_orphans` becomes the parent of every descendant whose own
parent ended, double-forked daemons in sessions of their own included, so that nothing started
below it escapes `end_descendants`. Elsewhere there is neither that nor ``/proc``: the functions
then do nothing, and only process groups are ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Container
from functools import partial
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"
_PAUSE_SECONDS = 0.001


def cpu_seconds() -> float:
    """Gives the CPU seconds of this process and of the children it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def name_process(name: str) -> None:
    """Sets the name that `ps` and `top` show: ASCII, at most 15 characters."""
    _prctl(_PR_SET_NAME, ctypes.create_string_buffer(name.encode("ascii")))


def adopt_orphans() -> None:
    """Makes this process the new parent of descendants whose parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Has the kernel kill this process when its parent ends; ends it if that has happened."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def limit_resources(memory_mib: float | None) -> None:
    """Allows this process so many MiB more address space, no core dumps, and no mercy.

    Args:
        memory_mib: Counted on top of what is mapped now, in MiB; mapped files count. None = no
            limit. Only the soft limit is set, see `memory_relief`.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not _IS_LINUX:
        return
    # When memory of the machine runs out, the kernel shall choose a worker before its parent.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    if memory_mib is None:
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    wanted = pages * resource.getpagesize() + int(memory_mib * 2**20)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def memory_relief() -> Callable[[], None]:
    """Gives what lifts the limit of `limit_resources`, so that its effect can be reported.

    Made beforehand, since calling it must not need memory.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    return partial(resource.setrlimit, resource.RLIMIT_AS, (hard, hard))


def reap() -> bool:
    """Buries ended children; gives True if living ones remain."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def end_descendants(spare: Container[int] = (), patience_seconds: float = 2.0) -> int:
    """Kills every descendant of this process and waits until they are gone.

    Args:
        spare: Process ids of children that are left alone, with all that descends from them.
        patience_seconds: For those that cannot die, being stuck in the kernel.

    Returns:
        How many were found alive.
    """
    ended: set[int] = set()
    give_up = time.monotonic() + patience_seconds
    while (found := _descendants(os.getpid(), spare)) and time.monotonic() < give_up:
        for pid, is_alive in found.items():
            if is_alive:
                ended.add(pid)
                _kill(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(_PAUSE_SECONDS)
    return len(ended)


def end_marked(mark: bytes, patience_seconds: float = 2.0) -> None:
    """Kills every process that was started with `mark` in its environment.

    This finds descendants after their common ancestor was killed. ``/proc`` shows the
    environment that a program was started with, and a fork shows that of its origin.

    Args:
        mark: ``b"NAME=value"``, unique to those processes.
        patience_seconds: For those that cannot die, being stuck in the kernel.
    """
    give_up = time.monotonic() + patience_seconds
    while (found := _marked(mark)) and time.monotonic() < give_up:
        for pid in found:
            _kill(pid)
        time.sleep(_PAUSE_SECONDS)


def _prctl(option: int, value: object) -> None:
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def _descendants(root: int, spare: Container[int]) -> dict[int, bool]:
    """Gives the process ids below `root`, and whether each is alive (not a zombie)."""
    # /proc/*/task/*/children depends on how the kernel was built; stat is always there.
    children: dict[int, list[tuple[int, bool]]] = {}
    for pid in _process_ids():
        stat = _read(f"/proc/{pid}/stat")
        if stat:
            state, parent = stat[stat.rindex(b")") + 2 :].split(maxsplit=2)[:2]
            children.setdefault(int(parent), []).append((pid, state not in b"ZX"))
    found: dict[int, bool] = {}
    front = [root]
    while front:
        below = [child for child in children.get(front.pop(), ()) if child[0] not in spare]
        found.update(below)
        front.extend(pid for pid, _ in below)
    return found


def _marked(mark: bytes) -> list[int]:
    own = os.getpid()
    return [
        pid
        for pid in _process_ids()
        if pid != own and mark in _read(f"/proc/{pid}/environ").split(b"\0")
    ]


def _process_ids() -> list[int]:
    if not _IS_LINUX:
        return []
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit()]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # it ended in the meantime, or belongs to somebody else
        return b""
