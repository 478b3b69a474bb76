"""What commands write: the result on stdout, everything else on stderr. No other module prints."""

from __future__ import annotations

import json
import logging
import math
import os
import select
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from autometa.errors import StorageError

if TYPE_CHECKING:
    from rich.console import Console

    from autometa.cli.options import Settings

RESULT_KEY = "autometa.result"
"""Set in `click.Context.meta` when the one JSON object has been written."""


def prepare_streams() -> None:
    """Makes stdout and stderr take any text: under any locale, and when they are closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def configure_logging(*, verbose: bool, quiet: bool) -> None:
    """Sends the log to stderr: warnings, with `verbose` also information, with `quiet` errors."""
    level = logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING
    form = "%(levelname)s %(name)s: %(message)s" if verbose else "%(levelname)s: %(message)s"
    logging.basicConfig(level=level, format=form, stream=sys.stderr, force=True)


def print_result(settings: Settings, data: Mapping[str, Any], text: str) -> None:
    """Writes the result of a command to stdout.

    Args:
        settings: The global options.
        data: The JSON object, for ``--json``; NaN is written as null.
        text: What people read otherwise, without a final line break; "" = nothing.
    """
    if settings.json:
        context = click.get_current_context(silent=True)
        if context is not None:
            context.meta[RESULT_KEY] = True
        print_json(data)
    elif text:
        _write(sys.stdout, f"{text}\n")


def print_json(data: Mapping[str, Any]) -> None:
    """Writes one JSON object, in ASCII, on one line."""
    _write(sys.stdout, json.dumps(_finite(data)) + "\n")


def _finite(value: Any) -> Any:
    """Replaces what JSON has no number for."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def note(settings: Settings, text: str) -> None:
    """Writes a line to stderr, unless ``--quiet``."""
    if not settings.quiet:
        _write(sys.stderr, f"{printable(text)}\n")


def warn(settings: Settings, text: str) -> None:
    """Writes a warning to stderr, unless ``--quiet``."""
    note(settings, f"warning: {text}")


def print_error(text: str) -> None:
    """Writes an error to stderr, on one line."""
    _write(sys.stderr, f"error: {printable(text)}\n")


def print_traceback(text: str) -> None:
    """Writes a traceback to stderr."""
    _write(sys.stderr, text)


def printable(text: str) -> str:
    r"""Escapes what could move the cursor or break the line.

    Example:
        >>> printable("a\x1b[31m")
        'a\\x1b[31m'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def argument(text: str) -> str:
    r"""Gives a path as a shell takes it, in a command that people copy.

    Example:
        >>> print(argument("model"), argument("it's here/model"), argument("a\x1b[31m"))
        model 'it'"'"'s here/model' 'a\x1b[31m'
    """
    return shlex.quote(printable(text))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Gives aligned columns; the last one may be of any length.

    Example:
        >>> print(table(["KIND", "NAME"], [["learner", "linear"]]))
        KIND     NAME
        learner  linear
    """
    cells = [list(header), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ("  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def is_interactive(settings: Settings) -> bool:
    """Whether progress may move the cursor: a terminal on stderr, neither quiet nor dumb."""
    return not settings.quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def console(settings: Settings) -> Console | None:
    """Gives a rich console on stderr, or None where control codes have no place.

    With NO_COLOR in the environment it has no colours.
    """
    if not is_interactive(settings):
        return None
    # Costs .1 s, so it is imported for terminals only.
    from rich.console import Console

    return Console(stderr=True, no_color=bool(os.environ.get("NO_COLOR")))


def _write(stream: TextIO, text: str) -> None:
    """Writes at once. A reader that has gone is no error: the command's work is done all the same.

    Raises:
        StorageError: If the stream cannot take it, such as on a full disk.
    """
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        silence(stream)
    except OSError as exc:
        silence(stream)
        raise StorageError(f"the output cannot be written: {exc.strerror}.") from exc


def silence(stream: TextIO) -> None:
    """Points a stream to nowhere, so that the flush at the end of the process succeeds."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def is_gone(stream: TextIO) -> bool:
    """Whether the reader of a stream has gone; if so, the stream is silenced."""
    poll = select.poll()
    # Nothing is asked for: errors are always reported.
    poll.register(stream.fileno(), 0)
    if not poll.poll(0):
        return False
    silence(stream)
    return True
