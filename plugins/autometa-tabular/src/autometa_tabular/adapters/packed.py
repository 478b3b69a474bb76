"""Bytes of a text file, unpacked and brought to UTF-8, in memory or as a stream."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from autometa import DataError, TaskError

_GZIP_RATIO = 6  # text packs to about a sixth
_CHUNK = 1 << 22
_PROBE = 1 << 16
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_FALLBACK = "cp1252"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TextBytes:
    """A text that can be read several times, always as UTF-8 without a byte order mark.

    Args:
        path: Its file.
        encoding: Of the file.
        is_old_mac: Whether lines end in a carriage return alone.
        notes: What the user should know, one line each.
    """

    path: Path
    encoding: str
    is_old_mac: bool = False
    notes: tuple[str, ...] = ()

    def stream(self) -> io.BufferedReader:
        """Gives the bytes from the start."""
        return io.BufferedReader(_Recoder(self), _CHUNK)

    def head(self, size: int) -> tuple[str, bool]:
        """Gives about the first `size` bytes as text, and whether this is all."""
        with self.stream() as stream:
            head = stream.read(size)
            is_all = not stream.read(1)
        return head.decode("utf-8", "ignore"), is_all

    @contextmanager
    def lines(self) -> Iterator[Iterator[str]]:
        """Gives the lines with their ends."""
        with self.stream() as stream, io.TextIOWrapper(stream, "utf-8", newline="\n") as lines:
            yield lines


def read_text(path: Path, encoding: str | None = None, *, is_sampled: bool = False) -> TextBytes:
    """Finds out how a text file is packed and encoded.

    Args:
        path: A readable file; gzip and zip are told by their first bytes.
        encoding: What the user says; None = found out: a byte order mark, else UTF-8 if all bytes
            are valid, UTF-16 if every other byte is 0, else cp1252 (a superset of latin-1).
        is_sampled: Whether only a part will be kept; then the start alone is looked at.

    Raises:
        DataError: If the file is broken, or not text.
        TaskError: If the encoding is unknown.
    """
    start = first_bytes(path, _PROBE)
    is_old_mac = b"\r" in start and b"\n" not in start
    notes: tuple[str, ...] = ()
    if encoding is not None:
        found = _known_encoding(encoding)
    else:
        marked = next((name for mark, name in _BOMS if start.startswith(mark)), None)
        found = marked or _utf16_without_mark(start) or "utf-8"
        if found == "utf-8" and (flaw := _flaw_of_utf8(path, start if is_sampled else None)):
            found, notes = _FALLBACK, (flaw,)
    return TextBytes(path, found, is_old_mac, notes)


def _known_encoding(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError as exc:
        raise TaskError(
            f"unknown encoding {encoding!r}.",
            key="data.options.encoding",
            hint="Try utf-8, utf-16, cp1252 or latin-1.",
        ) from exc
    return "utf-8-sig" if name == "utf-8" else name


def _utf16_without_mark(start: bytes) -> str | None:
    half = len(start) // 2
    if half and start[1::2].count(0) > half * 0.6:
        return "utf-16-le"
    return "utf-16-be" if half and start[::2].count(0) > half * 0.6 else None


def _flaw_of_utf8(path: Path, start: bytes | None) -> str:
    """Gives what is wrong with the whole file as UTF-8, or with its start where that is given."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_wide = False
    try:
        for chunk in _chunks(path) if start is None else (start,):
            is_wide |= not decoder.decode(chunk).isascii()
        if start is None:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as exc:
        if is_wide or not exc.object[: exc.start].isascii():
            return (
                f"some lines are UTF-8 and some are not: all are read as {_FALLBACK}, which spoils"
                " the former; write the file in one encoding"
            )
        return f"not valid UTF-8, read as {_FALLBACK}; data.options.encoding sets another"
    return ""


def _chunks(path: Path) -> Iterator[bytes]:
    with _open(path) as file:
        while chunk := _guarded(path, file.read, _CHUNK):
            yield chunk


def first_bytes(path: Path, size: int) -> bytes:
    """Gives the first bytes of a file's content."""
    with _open(path) as file:
        return _guarded(path, file.read, size)


def unpacked_size(path: Path) -> float:
    """Gives the bytes of a file's content; for gzip an estimate."""
    size = path.stat().st_size
    match _packing(path):
        case "gzip":
            return float(size * _GZIP_RATIO)
        case "zip":
            with _guarded(path, zipfile.ZipFile, path) as archive:
                return float(sum(member.file_size for member in archive.infolist()))
        case _:
            return float(size)


def _packing(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zip" if start == b"PK\x03\x04" else ""


def _open(path: Path) -> IO[bytes] | gzip.GzipFile:
    match _packing(path):
        case "gzip":
            return gzip.open(path)
        case "zip":
            return _guarded(path, _open_member, path)
        case _:
            return path.open("rb")


def _open_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    members = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        shown = ", ".join(map(repr, members[:5])) or "nothing"
        raise DataError(
            f"{path} must hold one file, but holds {shown}.",
            hint="Unpack it and name the file as data.source.",
        )
    return archive.open(members[0])


def _guarded(path: Path, call: Callable[[Any], T], argument: Any) -> T:
    """Calls what unpacks; its errors become ours."""
    try:
        return call(argument)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as exc:
        raise DataError(f"{path} cannot be unpacked: {exc}.", hint="Fetch the file again.") from exc


class _Recoder(io.RawIOBase):
    """Unpacks, decodes and gives UTF-8; refuses NUL bytes, naming their line."""

    def __init__(self, text: TextBytes) -> None:
        super().__init__()
        self._path = text.path
        self._encoding = text.encoding
        self._is_old_mac = text.is_old_mac
        self._file = _open(text.path)
        self._decoder = codecs.getincrementaldecoder(text.encoding)()
        self._left = memoryview(b"")
        self._line = 1
        self._is_done = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and not self._is_done:
            self._left = memoryview(self._next())
        n_bytes = min(len(buffer), len(self._left))
        buffer[:n_bytes] = self._left[:n_bytes]
        self._left = self._left[n_bytes:]
        return n_bytes

    def close(self) -> None:
        self._file.close()
        super().close()

    def _next(self) -> bytes:
        packed = _guarded(self._path, self._file.read, _CHUNK)
        self._is_done = not packed
        try:
            data = self._decoder.decode(packed, final=self._is_done).encode()
        except UnicodeDecodeError as exc:
            line = self._line + exc.object[: exc.start].count(b"\n")
            encoding = self._encoding.removesuffix("-sig")
            raise DataError(
                f"{self._path}, about line {line}: not valid {encoding}.",
                hint="Set data.options.encoding, such as cp1252, latin-1 or utf-16.",
            ) from exc
        if self._is_old_mac:
            data = data.replace(b"\r", b"\n")
        if (nul := data.find(0)) >= 0:
            line = self._line + data.count(b"\n", 0, nul)
            raise DataError(
                f"{self._path}, line {line}: a NUL byte, which no text has.",
                hint="Remove it, or set data.options.encoding: utf-16 if it is such a file.",
            )
        self._line += data.count(b"\n")
        return data
