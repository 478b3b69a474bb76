"""Where a task keeps its studies, tracking and models."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autometa.errors import StorageError

FOLDER = ".autometa"

DISK_FAULTS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a disk says that can take no more."""

ACCESS_FAULTS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE})
"""What the system says to a process that may not, or may not any more, open a file."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder that holds ``.autometa/``.

    Args:
        root: Absolute.
    """

    root: Path

    @classmethod
    def of(cls, folder: Path) -> Workspace:
        """Gives the nearest folder at or above `folder` with ``.autometa/``, else `folder`."""
        folder = folder.resolve()
        for candidate in (folder, *folder.parents):
            if (candidate / FOLDER).is_dir():
                return cls(candidate)
        return cls(folder)

    @property
    def folder(self) -> Path:
        """``.autometa`` itself."""
        return self.root / FOLDER

    def study(self, name: str) -> Path:
        """Gives the folder of a study; it need not exist. Never outside the workspace."""
        return self.folder / "studies" / safe_name(name)

    def create(self, folder: Path) -> Path:
        """Makes a folder of the workspace.

        Raises:
            StorageError: If it cannot be made or written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".probe"
            probe.touch()
            probe.unlink()
        except OSError as exc:
            raise StorageError(
                f"cannot write in {folder}: {exc.strerror}.",
                hint="Make the folder writable, or copy the task file to one that is.",
            ) from exc
        return folder


@contextmanager
def writing(place: Path, faults: frozenset[int] = DISK_FAULTS) -> Iterator[None]:
    """Turns what the disk says while something is written into one line.

    Args:
        place: What is written, for the message when the system names no file.
        faults: Error numbers that are the environment's; others are somebody's mistake and pass.

    Raises:
        StorageError: If the disk or the system refuses.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno not in faults:
            raise
        raise StorageError(
            f"cannot write {exc.filename or place}: {exc.strerror}.",
            hint="Nothing finished is lost: correct the cause, then run the command again.",
        ) from exc


def safe_name(name: str) -> str:
    """Gives a name that is a plain folder name on any file system, distinct per task name."""
    plain = re.sub(r"[^\w-]+", "-", name).strip("-")[:60]
    if plain == name:
        return plain
    return f"{plain or 'task'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def link_or_copy(source: str, target: str) -> None:
    """Makes a hard link of a file, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def replace_folder(new: Path, folder: Path) -> None:
    """Puts a new folder in the place of an old one; a reader sees one or the other."""
    if not folder.exists():
        new.rename(folder)
        return
    old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
