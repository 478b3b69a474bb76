"""``--set key=value``: values of the task file, given on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from autometa.errors import TaskError

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
    return dict(_parse(item) for item in items)


def _parse(item: str) -> tuple[str, Any]:
    key, sign, value = item.partition("=")
    key, value = key.strip(), value.strip()
    if not sign or not key:
        raise TaskError(
            f"--set must be KEY=VALUE, got {item!r}.", hint="Such as --set budget.trials=50."
        )
    if not value.startswith(("[", "{", '"', "'")):
        return key, value
    from autometa.yamlfile import parse_yaml

    try:
        return key, parse_yaml(f"value: {value}".encode()).data["value"]
    except TaskError as exc:
        raise TaskError(f"{exc.message[:-1]} (given by --set).", key=key, hint=exc.hint) from exc
