"""Tells the observers of plugins what happened; runs in a worker, where they can do no harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autometa.resolve import resolve

CALL = "autometa.observe:call"


def call(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Calls one observer.

    Args:
        payload: ``function`` (``module:name``) and ``arguments`` (JSON by argument name).
        deadline: The worker is ended then.
    """
    resolve(payload["function"])(**payload["arguments"])
    return {}
