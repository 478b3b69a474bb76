"""Where a fit keeps how far it is, so that it can go on after an interruption."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from autometa.workspace import replace_folder

_log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
"""Between two checkpoints: what an interruption costs at most."""

LARGEST_MIB = 256.0
"""A checkpoint that is larger is not kept."""

_SHARE = 0.05  # of the time that may go into writing


class Checkpoint:
    """The last state of one fit.

    A learner asks `latest` before its first step, and calls `keep` between steps, as often as it
    likes: most calls do nothing. The same fit that goes on from a checkpoint must end with the
    model that it would have ended with without the interruption.

    Args:
        folder: Where the state lies; it need not exist. None = nothing is kept.
        every_seconds: See `EVERY_SECONDS`; 0 = every call of `keep` writes.
        largest_mib: See `LARGEST_MIB`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as place:
        ...     checkpoint = Checkpoint(Path(place) / "fit", every_seconds=0.0)
        ...     checkpoint.keep(lambda folder: (folder / "step").write_text("3"))
        ...     (checkpoint.latest() / "step").read_text()
        '3'
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        every_seconds: float = EVERY_SECONDS,
        largest_mib: float = LARGEST_MIB,
    ) -> None:
        self._folder = folder
        self._every = every_seconds
        self._largest = largest_mib
        self._due = time.monotonic() + every_seconds

    def latest(self) -> Path | None:
        """Gives the folder that `save` wrote last, of an earlier process; None if there is none."""
        if self._folder is None or not self._folder.is_dir():
            return None
        return self._folder

    def keep(self, save: Callable[[Path], object]) -> None:
        """Keeps the state when one is due, whole or not at all.

        A disk that refuses costs the checkpoint, not the fit.

        Args:
            save: Writes the state into the empty folder that it is given.
        """
        started = time.monotonic()
        if self._folder is None or started < self._due:
            return
        try:
            self._write(self._folder, save)
        except OSError as exc:
            _log.warning("no checkpoint: %s", exc)
            self._folder = None
        ended = time.monotonic()
        self._due = ended + max(self._every, (ended - started) / _SHARE if self._every else 0.0)

    def _write(self, folder: Path, save: Callable[[Path], object]) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-new-", dir=folder.parent))
        try:
            save(new)
            size = sum(path.stat().st_size for path in new.rglob("*") if path.is_file())
            if size > self._largest * 2**20:
                _log.warning("no checkpoint: %.0f MiB, at most %.0f", size / 2**20, self._largest)
                self._folder = None
                return
            for path in new.rglob("*"):
                if path.is_file():
                    _to_disk(path)
            replace_folder(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
