"""Who is alive: processes by number and start time, the tracker by its lock."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

LOCK = "tracker.lock"


def started_at(pid: int) -> str:
    """Gives when a process started, in a form only fit for comparison; "" when it is gone.

    A zombie is gone. Where there is no ``/proc``, every living process started at ``?``.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "" if Path("/proc/self/stat").exists() or not _answers(pid) else "?"
    # The second field, the command in parentheses, may hold anything.
    state, *rest = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else rest[18]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as exc:
        return exc.errno == errno.EPERM
    return True


def is_alive(pid: int, start: str) -> bool:
    """Whether the process that had this number then still runs."""
    return started_at(pid) == start != ""


def acquire(path: Path) -> int | None:
    """Takes the tracker's lock for this process; the kernel lets go of it when the process ends.

    Returns:
        The open file, to be kept; None when another process has it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        # A file system without locks: the replay is safe to run twice, only slower.
        if exc.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            return file
        os.close(file)
        return None
    os.ftruncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())
    return file


def is_locked(path: Path) -> bool:
    """Whether a tracker process holds the lock."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as exc:
        return exc.errno in {errno.EWOULDBLOCK, errno.EACCES}
    finally:
        os.close(file)
    return False
