"""What a source stands for: a file, the files of a folder or of a pattern, or ``scheme:rest``."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from autometa.adapter import DataAdapterSpec
from autometa.errors import DataError, TaskError
from autometa.registry import Entry, Registry


def resolve_sources(
    registry: Registry, sources: Sequence[str], adapter: str | None = None
) -> tuple[list[str], Entry[DataAdapterSpec]]:
    """Gives the parts that sources stand for, in order, and the one adapter that reads them.

    A folder stands for the readable files in it and below, without names that start with ``.`` or
    ``_``; a pattern (``*``, ``**``, ``?``, ``[``) for the files that it matches; both in the order
    of their paths. An adapter that takes folders gets them as they are.

    Args:
        registry: Has the adapters.
        sources: As `autometa.task.Task.locate` gives them.
        adapter: Its name, where the user has one; else scheme or suffix decide.

    Raises:
        DataError: If a folder or a pattern has no readable file, or no adapter reads a source.
        TaskError: If the parts are of different kinds.
        PluginError: If there is no such adapter.
    """
    named = None if adapter is None else registry.adapter(adapter)
    parts = [part for source in sources for part in _parts(source, registry, named)]
    found = {part: named or registry.resolve_adapter(part) for part in parts}
    kinds = {entry.spec.name: part for part, entry in found.items()}
    if len(kinds) > 1:
        shown = " and ".join(f"{name} ({Path(part).name})" for name, part in sorted(kinds.items()))
        raise TaskError(
            f"the files are of different kinds: {shown}.",
            key="data.source",
            hint="Convert them to one kind, or name one with data.adapter.",
        )
    return parts, found[parts[0]]


def without_password(source: str) -> str:
    """Gives a source as it may be shown.

    Example:
        >>> without_password("postgresql://me:secret@host/shop"), without_password("a.csv")
        ('postgresql://me:***@host/shop', 'a.csv')
    """
    return re.sub(r"(://[^:/?#@]*):.*@", r"\1:***@", source)


def _parts(source: str, registry: Registry, named: Entry[DataAdapterSpec] | None) -> list[str]:
    if named is not None and (named.spec.folders or not named.spec.suffixes):
        return [source]
    if Path(source).is_dir():
        return _of_folder(source, registry, named)
    if glob.has_magic(source) and Path(source).is_absolute() and not Path(source).exists():
        matches = glob.glob(source, recursive=True)  # noqa: PTH207 - Path's does not take absolute ones
        found = sorted(path for path in matches if Path(path).is_file())
        if not found:
            raise DataError(f"no file matches {source}.", hint="Check data.source.")
        return found
    return [source]


def _of_folder(folder: str, registry: Registry, named: Entry[DataAdapterSpec] | None) -> list[str]:
    specs = [entry.spec for entry in ([named] if named else registry.adapters.values())]
    endings = tuple(suffix for spec in specs for suffix in spec.suffixes)
    try:
        there = [str(path) for path in _files(Path(folder))]
    except OSError as exc:
        raise DataError(
            f"{exc.filename} cannot be read: {exc.strerror}.", hint="Check its permissions."
        ) from exc
    readable = [path for path in there if path.lower().endswith(endings)]
    if not readable:
        raise DataError(
            f"{folder} is a directory, but has no file that can be read.",
            hint=f"Readable: {', '.join(sorted(set(endings)))}; or name a file as data.source.",
        )
    return readable


def _files(folder: Path) -> list[Path]:
    """Gives the files of a folder and below, in the order of their paths."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):  # what tools leave beside the parts
            continue
        found.extend(_files(path) if path.is_dir() else [path])
    return found
