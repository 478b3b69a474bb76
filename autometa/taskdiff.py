"""What changed between the task of a study that has begun and the task file of today."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from autometa.task import Task


class Effect(StrEnum):
    """What a changed key means for a study that has begun."""

    SEARCH = "search"
    HARMLESS = "harmless"


@dataclass(frozen=True, slots=True)
class Change:
    """One key that differs between two tasks.

    Args:
        key: Dotted key.
        old: JSON value before; None also where it was absent.
        new: JSON value now.
        effect: ``search`` = the finished trials no longer answer the same question.
    """

    key: str
    old: Any
    new: Any
    effect: Effect

    def __str__(self) -> str:
        return f"{self.key}: {_shown(self.old)} -> {_shown(self.new)}"


def _shown(value: Any) -> str:
    """Gives a value as a task file may say it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_HARMLESS = frozenset(
    {
        "name",
        "preset",
        "budget.trials",
        "budget.seconds",
        "limits.trial_seconds",
        "limits.trial_memory_mib",
        "limits.workers",
        "storage",
        "tracking",
    }
)


def diff(old: Task, new: Task) -> list[Change]:
    """Gives the keys in which two tasks differ, in the task file's order.

    A preset counts only by the values that it gave.
    """
    before, after = _flat(old), _flat(new)
    return [
        Change(
            key,
            before.get(key),
            after.get(key),
            Effect.HARMLESS if key in _HARMLESS else Effect.SEARCH,
        )
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _flat(task: Task) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in task.to_json().items():
        if isinstance(value, dict):
            flat.update({f"{key}.{name}": item for name, item in value.items()})
        else:
            flat[key] = value
    return flat
