"""Options of adapters: checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from autometa import TaskError


def check_options(options: Mapping[str, Any], known: Mapping[str, type], adapter: str) -> None:
    """Checks names and types.

    Args:
        options: ``data.options`` of the task file.
        known: Type of each option.
        adapter: Name, for messages.

    Raises:
        TaskError: If an option is unknown or has the wrong type.
    """
    for name, value in options.items():
        if name not in known:
            raise _unknown(str(name), list(known), adapter)
        kind = known[name]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TaskError(
                f"must be {_NOUNS[kind]}, but is {value!r}.", key=f"data.options.{name}"
            )


_NOUNS: Mapping[type, str] = {str: "a text", int: "a whole number", list: "a list of texts"}


def _unknown(name: str, known: list[str], adapter: str) -> TaskError:
    near = get_close_matches(name, known, n=1)
    listed = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
    return TaskError(
        f"the {adapter} adapter has no option {name!r}.",
        key=f"data.options.{name}",
        hint=f"Did you mean {near[0]!r}?" if near else listed,
    )


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Checks an option that takes one of a few values.

    Raises:
        TaskError: If it is another.
    """
    if value not in choices:
        shown = " or ".join(map(repr, choices))
        raise TaskError(f"must be {shown}, but is {value!r}.", key=f"data.options.{name}")


def sample_size(options: Mapping[str, Any]) -> int | None:
    """Gives the option ``sample_rows``, None = all rows.

    Raises:
        TaskError: If it is not positive.
    """
    size: int | None = options.get("sample_rows")
    if size is not None and size < 1:
        raise TaskError(f"must be at least 1, but is {size}.", key="data.options.sample_rows")
    return size
