"""CPU seconds of a process and of all below it, read from /proc (Linux)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TRACKER = "autometa.tracking.process"
NURSERY = "autometa.execution.nursery"
_TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """A process at one moment.

    Args:
        pid: Its id.
        parent: Id of the process that started it.
        command: Its command line.
        cpu_seconds: User and system, with the ended children that it waited for.
    """

    pid: int
    parent: int
    command: str
    cpu_seconds: float

    @property
    def is_tracker(self) -> bool:
        """Whether it replays a spool into MLflow."""
        return TRACKER in self.command


def read(pid: int) -> Process | None:
    """Reads one process; None when it is gone."""
    folder = Path("/proc", str(pid))
    try:
        stat = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (OSError, ValueError):
        return None
    return Process(pid, int(stat[1]), command, sum(map(int, stat[11:15])) * _TICK)


def children(pid: int) -> list[int]:
    """Gives the ids of the processes that one started, oldest first."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for task in Path("/proc", str(pid), "task").iterdir():
            with contextlib.suppress(OSError):
                found.update(map(int, (task / "children").read_text(encoding="ascii").split()))
    return sorted(found)


def tree(pid: int) -> Iterator[Process]:
    """Gives a process and all below it; parents first, siblings in the order of their start."""
    process = read(pid)
    if process is not None:
        yield process
        for child in children(pid):
            yield from tree(child)


@dataclass(frozen=True, slots=True)
class Split:
    """CPU seconds of a running ``autometa optimize``, by role."""

    main: float
    nursery: float
    first_worker: float
    other_workers: float
    tracker: float


def split(pid: int) -> Split:
    """Reads the CPU seconds of a running command by role."""
    processes = list(tree(pid))
    main = [p for p in processes if p.pid == pid]
    tracker = [p for p in processes if p.is_tracker]
    nursery = [p for p in processes if p.parent == pid and p not in tracker]
    nurseries = {p.pid for p in nursery}
    workers = [p for p in processes if p.parent in nurseries]
    return Split(
        main=_sum(main),
        nursery=_sum(nursery),
        first_worker=_sum(workers[:1]),
        other_workers=_sum(workers[1:]),
        tracker=_sum(tracker),
    )


def _sum(processes: list[Process]) -> float:
    return sum(process.cpu_seconds for process in processes)


def with_text(text: str) -> list[int]:
    """Gives the ids of all processes but this one whose command line holds `text`."""
    ids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    found = [process for pid in ids if pid != os.getpid() and (process := read(pid)) is not None]
    return [process.pid for process in found if text in process.command]


def end_all(text: str) -> None:
    """Ends the processes whose command line holds `text`, which must be a path of one's own."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in with_text(text):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        give_up = time.monotonic() + 2
        while with_text(text) and time.monotonic() < give_up:
            time.sleep(0.05)
