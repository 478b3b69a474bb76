"""Where a task keeps its studies, tracking and models."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from autometa.errors import StorageError

FOLDER = ".autometa"


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


def safe_name(name: str) -> str:
    """Gives a name that is a plain folder name on any file system, distinct per task name."""
    plain = re.sub(r"[^\w-]+", "-", name).strip("-")[:60]
    if plain == name:
        return plain
    return f"{plain or 'task'}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
