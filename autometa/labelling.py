"""How a configuration uses rows without a target: the parameter that chooses a way, and its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autometa.trial import ParamValue

UNLABELLED = "unlabelled"
"""The parameter that chooses; there is one only where a task uses rows without a target."""

NOT_USED = "none"
SELF_TRAINING = "self_training"
LABEL_SPREADING = "label_spreading"


def is_part(name: str) -> bool:
    """Whether a parameter is the one that chooses, or one of a way."""
    return name.partition(".")[0] == UNLABELLED


def labelling_of(params: Mapping[str, ParamValue]) -> dict[str, Any] | None:
    """Gives ``way`` and ``config`` of a configuration, None where only labelled rows are used.

    Args:
        params: In the joint space.
    """
    way = params.get(UNLABELLED, NOT_USED)
    if way == NOT_USED:
        return None
    prefix = f"{UNLABELLED}."
    config = {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}
    return {"way": way, "config": config}
