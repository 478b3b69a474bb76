"""Where records are read from: folders, record files, packs, and URLs of any of these."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from autometa.errors import StorageError
from autometa.meta.pack import PACK_MAGIC, read_or_warn, unpack
from autometa.meta.record import SUFFIX, TaskRecord

PACK_SUFFIX = ".pack"
"""Ending by which a pack inside a folder is known; a pack named as a source may have any."""

logger = logging.getLogger(__name__)


def read_source(source: str | Path) -> Iterator[TaskRecord]:
    """Gives the records of one source; what cannot be read is skipped with a warning.

    Args:
        source: A folder, a record file or a pack; a string with ``://`` is an fsspec URL.

    Raises:
        StorageError: If a local source does not exist, or a URL needs a package that is missing.
    """
    if isinstance(source, str) and "://" in source:
        yield from _read_url(source)
        return
    path = Path(source)
    if not path.exists():
        raise StorageError(
            f"There is no knowledge at {path}.", hint="Check the path, or leave it out."
        )
    files = _listed(path) if path.is_dir() else [path]
    for file in files:
        yield from _read_file(file)


def read_own(folder: Path) -> Iterator[TaskRecord]:
    """Gives the records of the user's own folder, none if there is no such folder yet."""
    if folder.is_dir():
        yield from read_source(folder)


def _listed(folder: Path) -> list[Path]:
    """Gives records and packs of a folder, except what another process is still writing."""
    try:
        return sorted(path for path in folder.iterdir() if _is_ours(path.name))
    except OSError as exc:
        logger.warning("%s is skipped: it cannot be listed (%s).", folder, exc.strerror)
        return []


def _is_ours(name: str) -> bool:
    return name.endswith((SUFFIX, PACK_SUFFIX)) and not name.startswith(".")


def _read_file(path: Path) -> Iterator[TaskRecord]:
    try:
        data = path.read_bytes()
    except OSError as exc:
        logger.warning("%s is skipped: it cannot be read (%s).", path, exc.strerror)
        return
    yield from read_bytes(data, str(path))


def read_bytes(data: bytes, name: str) -> Iterator[TaskRecord]:
    """Gives the records in the content of a record file or a pack; warns of what it skips."""
    if data.startswith(PACK_MAGIC):
        try:
            yield from unpack(data, name)
        except StorageError as exc:
            logger.warning("%s is skipped: %s", name, exc)
    elif (record := read_or_warn(data, name)) is not None:
        yield record


def _read_url(url: str) -> Iterator[TaskRecord]:
    filesystem, root = _filesystem(url)
    try:
        folder = filesystem.isdir(root)
        names = filesystem.ls(root, detail=False) if folder else [root]
        wanted = sorted(n for n in names if not folder or _is_ours(n.rsplit("/", 1)[-1]))
        contents = [(name, filesystem.cat_file(name)) for name in wanted]
    except (OSError, ValueError, NotImplementedError) as exc:
        logger.warning("%s is skipped: it cannot be read (%s).", url, exc)
        return
    for name, data in contents:
        yield from read_bytes(data, name)


def _filesystem(url: str) -> tuple[Any, str]:
    scheme = url.partition("://")[0]
    hint = f"pip install fsspec, with the extra for {scheme}."
    try:
        core = import_module("fsspec.core")
    except ImportError as exc:
        raise StorageError(f"Knowledge at {url} needs the package fsspec.", hint=hint) from exc
    try:
        filesystem, root = core.url_to_fs(url)
    except (ImportError, ValueError) as exc:
        raise StorageError(f"Knowledge at {url} cannot be opened: {exc}.", hint=hint) from exc
    return filesystem, str(root)
