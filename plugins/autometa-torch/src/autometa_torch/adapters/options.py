"""Options of adapters: checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from autometa import TaskError


def check_options(options: Mapping[str, Any], known: Mapping[str, str], adapter: str) -> None:
    """Checks the names.

    Args:
        options: ``data.options`` of the task file.
        known: What each option takes, for the message.
        adapter: Name, for messages.

    Raises:
        TaskError: If one is unknown.
    """
    for name in options:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            takes = ", ".join(f"{key} ({what})" for key, what in sorted(known.items()))
            raise TaskError(
                f"the {adapter} adapter has no option {name!r}.",
                key=f"data.options.{name}",
                hint=f"Did you mean {near[0]!r}?" if near else f"It takes {takes}.",
            )


def require(condition: bool, name: str, value: object, wanted: str) -> None:
    """Checks a value.

    Raises:
        TaskError: If the condition does not hold.
    """
    if not condition:
        raise TaskError(f"must be {wanted}, but is {value!r}.", key=f"data.options.{name}")
