"""Spaces as text, and what makes two of them the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    distribution_to_json,
    json_to_distribution,
)

from autometa.learner import Space


def space_to_json(space: Space) -> str:
    """Gives one line of JSON; the order of parameters is kept."""
    data: dict[str, Any] = {
        "params": {k: json.loads(distribution_to_json(d)) for k, d in space.params.items()},
        "conditions": {k: [p, list(allowed)] for k, (p, allowed) in space.conditions.items()},
        "defaults": dict(space.defaults),
    }
    if space.routes:
        data["routes"] = space.routes
    return json.dumps(data, separators=(",", ":"))


@lru_cache(maxsize=4096)
def space_from_json(text: str) -> Space:
    """Reads what `space_to_json` gave. Many records share a space, so answers are kept.

    Raises:
        KeyError, TypeError, ValueError: If the text is not a space.
    """
    return space_from_data(json.loads(text))


def space_from_data(data: Mapping[str, Any]) -> Space:
    """Reads the parsed JSON of a space; a distribution may itself be a string of JSON.

    Raises:
        KeyError, TypeError, ValueError: If it is not a space.
    """
    return Space(
        {name: _distribution(d) for name, d in data["params"].items()},
        {c: (str(p), tuple(allowed)) for c, (p, allowed) in data.get("conditions", {}).items()},
        dict(data.get("defaults", {})),
        {
            child: tuple({p: tuple(allowed) for p, allowed in route.items()} for route in routes)
            for child, routes in data.get("routes", {}).items()
        },
    )


def _distribution(data: Any) -> BaseDistribution:
    return json_to_distribution(data if isinstance(data, str) else json.dumps(data))


def space_signature(space: Space) -> str:
    """Gives 16 hexadecimal digits that are equal for equal spaces.

    The order of parameters, of choices and of allowed values does not count, nor do defaults:
    two spaces with one signature hold the same configurations.
    """
    params = {name: _shape(distribution) for name, distribution in space.params.items()}
    conditions = {
        child: [parent, _sorted(allowed)] for child, (parent, allowed) in space.conditions.items()
    }
    parts: list[Any] = [params, conditions]
    if space.routes:
        parts.append(
            {
                child: _sorted({p: _sorted(allowed) for p, allowed in r.items()} for r in routes)
                for child, routes in space.routes.items()
            }
        )
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shape(distribution: BaseDistribution) -> Any:
    data = json.loads(distribution_to_json(distribution))
    if isinstance(distribution, CategoricalDistribution):
        data["attributes"]["choices"] = _sorted(distribution.choices)
    return data


def _sorted(values: Any) -> list[str]:
    return sorted({json.dumps(value, sort_keys=True) for value in values})
