"""The file between a study and its view: one line per event, appended by the parent alone.

A line is written with one `write`. What a crash left of a line is cut off when the spool is opened
again, and a reader takes only whole lines, so neither ever sees half an event.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from autometa.errors import StorageError

Event: TypeAlias = Mapping[str, Any]

FILE = "spool.jsonl"


class Spool:
    """Appends events.

    Args:
        path: The file; it and its folder are made on the first event.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def append(self, event: Event) -> None:
        """Writes one event; it is in the file when this returns.

        Raises:
            StorageError: If it cannot be written whole; the file then ends with the event before.
        """
        line = json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            self._write(self._open(), line)
        except OSError as exc:
            raise StorageError(
                f"cannot write the tracking spool {self.path}: {exc.strerror or exc}.",
                hint="Free some space or make it writable, then run the same command again.",
            ) from exc

    def _write(self, file: int, line: bytes) -> None:
        start = os.fstat(file).st_size
        written = os.write(file, line)
        if written < len(line):
            os.ftruncate(file, start)
            raise OSError(f"no room for {len(line)} bytes")

    def _open(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            repair(file)
            self._file = file
        return self._file

    def clear(self) -> None:
        """Starts an empty spool in a new file, by which a reader sees that all is different.

        Raises:
            StorageError: If it cannot be written.
        """
        self.close()
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(b"")
            new.replace(self.path)
        except OSError as exc:
            raise StorageError(f"cannot empty {self.path}: {exc.strerror}.") from exc

    def close(self) -> None:
        """Closes the file. Idempotent."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def repair(file: int) -> None:
    """Cuts off a last line that has no end."""
    size = position = os.fstat(file).st_size
    if not size or os.pread(file, 1, size - 1) == b"\n":
        return
    while position:
        start = max(0, position - 65536)
        found = os.pread(file, position - start, start).rfind(b"\n")
        if found >= 0:
            os.ftruncate(file, start + found + 1)
            return
        position = start
    os.ftruncate(file, 0)


def read(path: Path, offset: int = 0, limit: int = 1 << 20) -> list[tuple[Event | None, int]]:
    """Reads whole events from a byte offset on.

    Args:
        path: The spool; a missing one holds nothing.
        offset: Where an event begins.
        limit: About how many bytes to read at most; at least one event is read.

    Returns:
        Each event with the offset behind it; None for a line that is no event.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(limit)
            if data and b"\n" not in data:
                data += file.readline()
    except (FileNotFoundError, NotADirectoryError):
        return []
    events = []
    for line in data[: data.rfind(b"\n") + 1].splitlines(keepends=True):
        offset += len(line)
        events.append((_parse(line), offset))
    return events


def last(path: Path) -> Event | None:
    """Reads the last whole event of a spool; None when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            for length in (8192, size):
                file.seek(max(0, size - length))
                lines = file.read(length).rpartition(b"\n")[0].rsplit(b"\n", 1)
                if len(lines) == 2 or length >= size:
                    return _parse(lines[-1])
    except (FileNotFoundError, NotADirectoryError):
        pass
    return None


def read_all(path: Path) -> list[Event]:
    """Reads every event of a spool."""
    events: list[Event] = []
    offset = 0
    while part := read(path, offset):
        events += [event for event, _ in part if event is not None]
        offset = part[-1][1]
    return events


def _parse(line: bytes) -> Event | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "type" in event else None
