"""Shows studies again whose store was lost, from what they told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autometa.errors import StorageError
from autometa.tracking import spool, state
from autometa.tracking.spawn import spawn


def replay_again(study_dirs: Iterable[Path], tracking_uri: str) -> list[Path]:
    """Starts one process that replays whole spools, one after the other.

    A study that another process tracks at this moment is left to that one.

    Args:
        study_dirs: Folders of studies; those that never told anything, or told another store last,
            are left out.
        tracking_uri: The store that lost them.

    Returns:
        The folders that are replayed.

    Raises:
        StorageError: If a folder cannot be written, or the process cannot be started.
    """
    wanted = [folder for folder in study_dirs if _last_uri(folder) == tracking_uri]
    for folder in wanted:
        try:
            (folder / state.FILE).unlink(missing_ok=True)
        except OSError as exc:
            raise StorageError(f"cannot remove {folder / state.FILE}: {exc.strerror}.") from exc
    if wanted:
        spawn(wanted)
    return wanted


def _last_uri(folder: Path) -> str | None:
    uri = None
    for event in spool.read_all(folder / spool.FILE):
        if event["type"] == "start":
            uri = event["tracking_uri"]
    return uri
