"""One orchestrator per study: a file lock on this machine, a lease in the storage for others."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from autometa.errors import StorageError

_log = logging.getLogger(__name__)

LOCK = "lock"
RENEW_SECONDS = 15.0
EXPIRE_SECONDS = 60.0
ASKING_SECONDS = 0.3


def identity() -> dict[str, Any]:
    """Gives who this process is: host, boot, pid, start of the process, and the time now (UTC)."""
    return {
        "host": socket.gethostname(),
        "boot": _read(Path("/proc/sys/kernel/random/boot_id")),
        "pid": os.getpid(),
        "start": _start_time(os.getpid()),
        "renewed": time.time(),
    }


def is_held_by_another(lease: Mapping[str, Any] | None) -> bool:
    """Whether a lease read from a storage belongs to a process that may be alive.

    On the same boot of the same host the process is looked up; elsewhere the renewal time
    decides.
    """
    if not lease or is_own(lease):
        return False
    me = identity()
    if (lease.get("host"), lease.get("boot")) == (me["host"], me["boot"]):
        return _start_time(int(lease["pid"])) == lease.get("start") != ""
    return abs(time.time() - float(lease.get("renewed", 0))) < EXPIRE_SECONDS


def is_own(lease: Mapping[str, Any]) -> bool:
    """Whether a lease read from a storage is this process's."""
    me = identity()
    return all(lease.get(key) == me[key] for key in ("host", "boot", "pid", "start"))


def refuse(lease: Mapping[str, Any], study: str) -> StorageError:
    """Gives the error for a study that another process runs."""
    who = f"process {lease['pid']} on {lease['host']}" if lease else "another process"
    return StorageError(
        f"study {study!r} is being run by {who}.",
        hint="Wait for it, stop it, or give the task another name.",
    )


class StudyLock:
    """Holds a study folder for this process; the kernel lets go of it when the process ends.

    Args:
        folder: An existing study folder.
        study: Its name, for the message.

    Raises:
        StorageError: If another process of this machine holds it, or the folder is read-only.
    """

    def __init__(self, folder: Path, study: str) -> None:
        path = folder / LOCK
        try:
            self._file: TextIO = path.open("a+", encoding="utf-8")
        except OSError as exc:
            raise StorageError(
                f"cannot write in the study folder {folder}: {exc.strerror}.",
                hint="Make it writable, or set the workspace elsewhere.",
            ) from exc
        try:
            _lock(self._file)
        except BlockingIOError as exc:
            self._file.seek(0)
            holder = self._file.read()
            self._file.close()
            raise refuse(_holder(holder), study) from exc
        except OSError as exc:
            if exc.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            _log.warning("%s is on a file system without locks; only the lease guards it", folder)
        self._file.truncate(0)
        self._file.write(json.dumps(identity()))
        self._file.flush()

    def release(self) -> None:
        """Lets go. Idempotent."""
        self._file.close()


def _holder(text: str) -> dict[str, Any]:
    """Reads who holds a lock; {} when it is about to say so."""
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _lock(file: TextIO) -> None:
    """Takes the lock; tries again for a while, since who only asks holds it for a moment.

    Raises:
        BlockingIOError: If somebody keeps it.
    """
    give_up = time.monotonic() + ASKING_SECONDS
    while time.monotonic() < give_up:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(folder: Path) -> bool:
    """Whether a process of this machine holds a study folder now."""
    try:
        with (folder / LOCK).open("r", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _start_time(pid: int) -> str:
    """Gives when a process started, in clock ticks since boot, or "" when there is none."""
    stat = _read(Path(f"/proc/{pid}/stat"))
    fields = stat.rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
