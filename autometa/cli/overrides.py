"""``--set`` and ``--option``: values of the task file, given on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast

import click

from autometa.errors import AutometaError, TaskError

F = TypeVar("F", bound=Callable[..., Any])


def set_option(function: F) -> F:
    """Adds the option, as the argument `overrides`."""
    option = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Replace a value of the task file; may be given several times.",
    )
    return option(function)


def adapter_options(function: F) -> F:
    """Adds ``--adapter`` and ``--option``, as the arguments `adapter` and `options`.

    What the command raises names these instead of the keys of a task file, which it has not.
    """

    @wraps(function)
    def command(*args: Any, **values: Any) -> Any:
        try:
            return function(*args, **values)
        except AutometaError as exc:
            exc.hint = as_options(exc.hint)
            if isinstance(exc, TaskError):
                exc.key = as_options(exc.key)
            raise

    wrapped = cast("F", command)
    for option in (
        click.option(
            "--option",
            "options",
            multiple=True,
            metavar="KEY=VALUE",
            help="How DATA is read, as data.options says it; may be given several times.",
        ),
        click.option(
            "--adapter", help="Name of the data adapter; by default the file's ending decides."
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def as_options(text: str) -> str:
    """Gives a text with the options of a command in place of the keys of a task file.

    Example:
        >>> as_options("Correct the line, or set data.options.on_bad_lines: skip.")
        'Correct the line, or set --option on_bad_lines=skip.'
        >>> as_options("Name another file as data.source.")
        'Name another file.'
    """
    text = re.sub(r"data\.options\.(\w+): (\w[\w-]*)", r"--option \1=\2", text)
    text = re.sub(r"data\.options\.(\w+)", r"--option \1", text)
    text = text.replace("data.options", "--option").replace(" as data.source", "")
    return text.replace("data.adapter", "--adapter").replace("data.source", "DATA")


def parse_options(items: Iterable[str]) -> dict[str, Any]:
    """Gives values for a data adapter, typed as a task file would have them.

    Args:
        items: ``key=value``. What begins with ``[``, ``{`` or a quotation mark is read as YAML,
            anything else as unquoted text.

    Raises:
        TaskError: If there is no ``=``, or the YAML is wrong.

    Example:
        >>> parse_options(["sample_rows=100", "separator=;"])
        {'sample_rows': 100, 'separator': ';'}
    """
    from autometa.yamlfile import Plain, to_plain_data

    pairs = (_parse(item, "--option", "sample_rows=1000") for item in items)
    return {
        key: to_plain_data(Plain(value) if isinstance(value, str) else value)
        for key, value in pairs
    }


def parse_overrides(items: Iterable[str]) -> dict[str, Any]:
    """Gives values by dotted key, for `autometa.task.load_task`.

    Args:
        items: ``key=value``. What begins with ``[``, ``{`` or a quotation mark is read as YAML,
            anything else as unquoted text; nothing is null.

    Raises:
        TaskError: If there is no ``=``, or the YAML is wrong.

    Example:
        >>> parse_overrides(["budget.trials=5", "search.learners=[ridge, dummy]"])
        {'budget.trials': '5', 'search.learners': ['ridge', 'dummy']}
    """
    return dict(_parse(item, "--set", "budget.trials=50") for item in items)


def _parse(item: str, option: str, example: str) -> tuple[str, Any]:
    key, value = _split(item, option, example)
    if not value.startswith(("[", "{", '"', "'")):
        return key, value
    return key, _read(value, key, option)


def _split(item: str, option: str, example: str) -> tuple[str, str]:
    key, sign, value = item.partition("=")
    key, value = key.strip(), value.strip()
    if not sign or not key:
        raise TaskError(
            f"{option} must be KEY=VALUE, got {item!r}.", hint=f"Such as {option} {example}."
        )
    return key, value


def _read(value: str, key: str, option: str) -> Any:
    from autometa.yamlfile import parse_yaml

    try:
        return parse_yaml(f"value: {value}".encode()).data["value"]
    except TaskError as exc:
        raise TaskError(f"{exc.message[:-1]} (given by {option}).", key=key, hint=exc.hint) from exc
