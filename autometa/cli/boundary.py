"""Where every expected failure becomes one line and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import click

from autometa.cli import output
from autometa.cli.commands import root
from autometa.errors import AutometaError, TaskError

INTERRUPTED = 130
"""Exit code after SIGINT."""


def run(args: Sequence[str]) -> int:
    """Runs one command.

    Args:
        args: What follows ``autometa`` on the command line.

    Returns:
        The exit code of the contract. Anything but an `AutometaError`, an interrupt or a usage
        error is a bug and escapes.
    """
    output.prepare_streams()
    context: click.Context | None = None
    try:
        with root.make_context("autometa", list(args)) as context:
            root.invoke(context)
        code = 0
    except click.exceptions.Exit as exc:
        code = exc.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = _fail(args, context, _InterruptError("interrupted."), INTERRUPTED)
    except click.ClickException as exc:
        error = _usage_error(exc)
        code = _fail(args, context, error, error.exit_code)
    except AutometaError as exc:
        code = _fail(args, context, exc, exc.exit_code)
    except BrokenPipeError:
        # The reader of stdout has gone (`| head`); any other pipe is a bug.
        if not output.is_gone(sys.stdout):
            raise
        code = 0
    return code


class _InterruptError(AutometaError):
    exit_code = INTERRUPTED


def _usage_error(exc: click.ClickException) -> TaskError:
    """Says a usage error as other errors are said."""
    context = getattr(exc, "ctx", None)
    path = context.command_path if context is not None else "autometa"
    message = exc.format_message().strip()
    end = "" if message.endswith((".", "?", ")")) else "."
    text = f"{message[:1].lower()}{message[1:]}{end}"
    return TaskError(text, hint=f"See '{path} --help'.")


def _fail(
    args: Sequence[str], context: click.Context | None, error: AutometaError, code: int
) -> int:
    """Shows an error; gives the exit code."""
    options = _leading(args)
    if "--verbose" in options and error.__traceback__ is not None:
        output.print_traceback("".join(traceback.format_exception(error)))
    output.print_error(str(error))
    has_result = context is not None and output.RESULT_KEY in context.meta
    if "--json" in options and not has_result:
        output.print_json(error_json(error, code))
    return code


def _leading(args: Sequence[str]) -> Sequence[str]:
    """Gives what may be options: everything up to ``--``."""
    return args[: args.index("--")] if "--" in args else args


def error_json(error: BaseException, code: int) -> dict[str, Any]:
    """Gives what ``--json`` prints in place of a result.

    Args:
        error: What went wrong; its public attributes go with it.
        code: The exit code.
    """
    names = ("message", "hint", "file", "line", "key")
    details = {name: getattr(error, name) for name in names if hasattr(error, name)}
    kind = type(error).__name__.lstrip("_")
    return {
        "status": "error",
        "exit_code": code,
        "error": {"type": kind, "text": str(error), **details},
    }


def report_unexpected(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Shows a bug: the traceback at once, what to do, and the JSON object that was promised."""
    sys.__excepthook__(kind, error, trace)
    output.print_error("this is a bug in autometa or in a plugin; please report it with the above.")
    if "--json" in _leading(sys.argv[1:]):
        output.print_json(error_json(error, 1))
