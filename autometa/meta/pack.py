"""Many records in one file.

Two lines of text, ``autometa-pack <format>`` and the sizes of the records in bytes, then the
records one behind the other, each as it would be in a file of its own: a damaged one costs
itself only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

from autometa.errors import StorageError
from autometa.meta.record import TaskRecord

PACK_FORMAT = 1
"""Version of the layout; a higher one is refused."""

PACK_MAGIC = b"autometa-pack"
_LONGEST_LINE = 2**24

logger = logging.getLogger(__name__)


def pack(records: Iterable[TaskRecord]) -> bytes:
    """Gives the content of a pack; equal records in equal order give equal bytes."""
    bodies = [record.to_bytes() for record in records]
    sizes = b" ".join(b"%d" % len(body) for body in bodies)
    return b"%s %d\n%s\n" % (PACK_MAGIC, PACK_FORMAT, sizes) + b"".join(bodies)


def unpack(data: bytes, name: str) -> Iterator[TaskRecord]:
    """Gives the records of a pack; a damaged or newer one is skipped with a warning.

    Args:
        data: What `pack` gave.
        name: For the warnings.

    Raises:
        StorageError: If this is no pack, or one of a newer format.
    """
    first, sizes, start = _head(data)
    if first != [PACK_MAGIC, b"%d" % PACK_FORMAT]:
        raise StorageError(
            f"{name} is not a pack that this version reads.", hint="Update autometa to use it."
        )
    for index, size in enumerate(sizes):
        record = read_or_warn(data[start : start + size], f"record {index} of {name}")
        if record is not None:
            yield record
        start += size


def read_or_warn(data: bytes, name: str) -> TaskRecord | None:
    """Reads a record; None, with a warning, if it is damaged, foreign or newer."""
    try:
        return TaskRecord.from_bytes(data)
    except StorageError as exc:
        logger.warning("%s is skipped: %s", name, exc)
        return None


def _head(data: bytes) -> tuple[list[bytes], list[int], int]:
    first = data[:80].partition(b"\n")[0]
    line = data[len(first) + 1 : len(first) + 1 + _LONGEST_LINE].partition(b"\n")[0]
    try:
        sizes = [int(size) for size in line.split()]
    except ValueError:
        sizes = []
    return first.split(), sizes, len(first) + len(line) + 2
