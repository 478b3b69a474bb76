"""The bytes of a record file: a line that names the format, then one compressed block.

The first line is plain text, ``autometa-record <format> <raw bytes> <crc32>``, so that a reader
of any age can tell a newer file from a damaged one. The block holds a line of JSON and then the
arrays it describes, one behind the other.
"""

from __future__ import annotations

import json
import os
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from autometa.errors import StorageError
from autometa.meta.columns import AnyArray

FORMAT = 1
"""Version of the layout; a higher one is refused."""

_MAGIC = b"autometa-record"
_DTYPES = {"<f8", "<i8", "<i4"}
# A damaged or hostile header must not make us reserve all memory: 100,000 trials take some 30 MB.
_MAX_RAW_BYTES = 2**30


def encode(header: dict[str, Any], arrays: list[AnyArray], *, level: int = 6) -> bytes:
    """Gives the bytes of a file. Equal arguments give equal bytes.

    Args:
        header: JSON object without the keys ``format`` and ``arrays``.
        arrays: Each (n,) of float64, int64 or int32.
        level: Effort of the compression, 0 to 9.
    """
    shapes = [[array.dtype.str, len(array)] for array in arrays]
    text = json.dumps({**header, "arrays": shapes}, sort_keys=True, separators=(",", ":"))
    raw = b"".join([text.encode("ascii"), b"\n", *(array.tobytes() for array in arrays)])
    first = b"%s %d %d %08x\n" % (_MAGIC, FORMAT, len(raw), zlib.crc32(raw))
    return first + zlib.compress(raw, level)


def decode(data: bytes) -> tuple[dict[str, Any], list[AnyArray]]:
    """Reads what `encode` gave. The arrays are read-only views of one buffer.

    Raises:
        StorageError: If the bytes are not a record, are damaged, or of a newer format.
    """
    first = data[:80].partition(b"\n")[0]
    size, crc = _first_line(first)
    raw = _decompress(memoryview(data)[len(first) + 1 :], size)
    if len(raw) != size or zlib.crc32(raw) != crc:
        raise StorageError("A record is damaged: its checksum differs.")
    try:
        end = raw.index(b"\n")
        header: dict[str, Any] = json.loads(raw[:end])
        return header, _arrays(raw, end + 1, header.pop("arrays"))
    except (KeyError, TypeError, ValueError, RecursionError) as exc:
        raise StorageError(f"A record is not what it says: {exc}.") from exc


def _first_line(line: bytes) -> tuple[int, int]:
    try:
        magic, version, size, crc = line.split(b" ")
        number, n_bytes, checksum = int(version), int(size), int(crc, 16)
    except ValueError as exc:
        raise StorageError("This is not a record.") from exc
    if magic != _MAGIC:
        raise StorageError("This is not a record.")
    if number > FORMAT:
        raise StorageError(
            f"A record has format {number}, this version reads up to {FORMAT}.",
            hint="Update autometa to use it.",
        )
    if n_bytes > _MAX_RAW_BYTES:
        raise StorageError(f"A record claims {n_bytes} bytes, at most {_MAX_RAW_BYTES} are read.")
    return n_bytes, checksum


def _decompress(block: memoryview, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(block, size + 1)
    except zlib.error as exc:
        raise StorageError(f"A record is damaged: {exc}.") from exc


def _arrays(raw: bytes, start: int, shapes: list[list[Any]]) -> list[AnyArray]:
    arrays = []
    for dtype, count in shapes:
        if dtype not in _DTYPES or count < 0:
            raise ValueError(f"an array of type {dtype} and length {count}")
        arrays.append(np.frombuffer(raw, dtype, count, start))
        start += arrays[-1].nbytes
    return arrays


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a whole file or nothing: a hidden neighbour is filled, synced and renamed.

    Missing folders are made.

    Raises:
        StorageError: If the folder cannot be made or written; the hidden file is removed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, hidden = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(hidden).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(hidden).unlink()
            raise
    except OSError as exc:
        raise StorageError(
            f"{path.parent} cannot be written: {exc.strerror}.",
            hint="Free space or choose another folder.",
        ) from exc
