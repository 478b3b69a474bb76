"""The journal file of a study with one writer."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

_CREATE_TRIAL, _SET_TRIAL_PARAM = 4, 5
_SET_TRIAL_ATTRS = (7, 8, 9)  # intermediate value, user attribute, system attribute
UNSYNCED = frozenset({_CREATE_TRIAL, _SET_TRIAL_PARAM, *_SET_TRIAL_ATTRS})
"""Operations that lead to a trial's end, and that nobody needs after a power cut without it."""


class OwnedJournal(JournalFileBackend):
    """Optuna's journal, for whoever holds the lock of the study.

    Optuna's own takes a lock file and waits for the disk at each of about ten operations that a
    trial has. Here nothing is locked, and the disk is waited for once a trial, when it is told:
    what was written before it is then on disk as well. A killed process loses nothing in either
    case, since the kernel has what was written.

    Args:
        path: The file; it is made when there is none. Others may read it at any time.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Writes operations.

        Raises:
            OSError: If they cannot be written whole; the file is then as it was.
        """
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        with self._path.open("ab", buffering=0) as file:
            start = file.seek(0, os.SEEK_END)
            if file.write(data) < len(data):
                file.truncate(start)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            if any(log["op_code"] not in UNSYNCED for log in logs):
                os.fsync(file.fileno())
