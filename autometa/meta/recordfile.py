"""The bytes of a record file: a line that names the format, a compressed header, compressed trials.

The first line is plain text, ``autometa-record <format> <bytes of the header> <crc32>``, so that
a reader of any age can tell a newer file from a damaged one. The checksum covers all that
follows, so a file can be trusted without unpacking its trials.
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
# A hostile file must not make us reserve all memory: 100,000 trials take some 30 MB.
_MAX_RAW_BYTES = 2**30


def encode(header: bytes, trials: bytes) -> bytes:
    """Gives the bytes of a file; equal arguments give equal bytes."""
    first = zlib.compress(header)
    body = first + zlib.compress(trials)
    return b"%s %d %d %08x\n" % (_MAGIC, FORMAT, len(first), zlib.crc32(body)) + body


def decode(data: bytes) -> tuple[bytes, bytes]:
    """Gives the header and the trials of what `encode` gave; the trials are still compressed.

    Raises:
        StorageError: If the bytes are not a record, are damaged, or of a newer format.
    """
    line, newline, _ = data[:80].partition(b"\n")
    n_header, crc = _first_line(line)
    body = memoryview(data)[len(line) + len(newline) :]
    if zlib.crc32(body) != crc:
        raise StorageError("A record is damaged: its checksum differs.")
    return decompress(body[:n_header]), bytes(body[n_header:])


def _first_line(line: bytes) -> tuple[int, int]:
    try:
        magic, version, n_header, crc = line.split(b" ")
        number, n_bytes, checksum = int(version), int(n_header), int(crc, 16)
    except ValueError as exc:
        raise StorageError("This is not a record.") from exc
    if magic != _MAGIC:
        raise StorageError("This is not a record.")
    if number > FORMAT:
        raise StorageError(
            f"A record has format {number}, this version reads up to {FORMAT}.",
            hint="Update autometa to use it.",
        )
    return n_bytes, checksum


def decompress(block: bytes | memoryview) -> bytes:
    """Unpacks one block.

    Raises:
        StorageError: If it is damaged, cut, or grows beyond any record.
    """
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(block, _MAX_RAW_BYTES)
    except zlib.error as exc:
        raise StorageError(f"A record is damaged: {exc}.") from exc
    if not unpacker.eof:
        raise StorageError("A record is damaged: a block is cut or too large.")
    return raw


def pack_arrays(spec: dict[str, Any], arrays: list[AnyArray]) -> bytes:
    """Gives a line of JSON and then the arrays, one behind the other.

    Args:
        spec: JSON object that describes the arrays.
        arrays: Each (n,) of float64, int64 or int32.
    """
    shapes = [[array.dtype.str, len(array)] for array in arrays]
    text = json.dumps({"arrays": shapes, "spec": spec}, sort_keys=True, separators=(",", ":"))
    return b"".join([text.encode("ascii"), b"\n", *(array.tobytes() for array in arrays)])


def unpack_arrays(raw: bytes) -> tuple[dict[str, Any], list[AnyArray]]:
    """Reads what `pack_arrays` gave. The arrays are read-only views of `raw`.

    Raises:
        KeyError, TypeError, ValueError: If `raw` is something else.
    """
    start = raw.index(b"\n") + 1
    header = json.loads(raw[:start])
    arrays = []
    for dtype, count in header["arrays"]:
        if dtype not in _DTYPES or count < 0:
            raise ValueError(f"an array of type {dtype} and length {count}")
        arrays.append(np.frombuffer(raw, dtype, count, start))
        start += arrays[-1].nbytes
    spec: dict[str, Any] = header["spec"]
    return spec, arrays


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
