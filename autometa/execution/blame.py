"""Finds the one line that tells a user what went wrong, and where."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from pathlib import Path

_OWN_FOLDERS = (
    str(Path(__file__).parents[1]) + "/",
    str(Path(importlib.__file__).parent) + "/",
    "<",  # the frozen import system
)
_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|\bMemoryError\b|(can't|cannot|failed to|unable to) allocate .*(memory|bytes)",
    re.IGNORECASE,
)
_REASON_LENGTH = 500

Frame = tuple[str, int, str]
"""File, line and function."""


def blame(frames: Iterable[Frame]) -> str:
    """Says where foreign code stood: ``"in fit, /path/plugin.py:12"``, or "" if none ran.

    That is the innermost frame below the folder of the first foreign file: a plugin's own line,
    not the inside of the library that it called.

    Args:
        frames: Outermost first.
    """
    foreign = [frame for frame in frames if not frame[0].startswith(_OWN_FOLDERS)]
    if not foreign:
        return ""
    folder = f"{Path(foreign[0][0]).parent}/"
    file, line, function = [frame for frame in foreign if frame[0].startswith(folder)][-1]
    return f"in {function}, {file}:{line}"


def one_line(text: str) -> str:
    """Gives the text on one line of at most 500 characters."""
    line = " ".join(text.split())
    return line if len(line) <= _REASON_LENGTH else line[: _REASON_LENGTH - 3] + "..."


def out_of_memory(text: str) -> bool:
    """Tells whether the words of an error, or the last ones of a process, say so."""
    return _OUT_OF_MEMORY.search(text) is not None
