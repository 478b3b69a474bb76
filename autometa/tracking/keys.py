"""Names and values as MLflow takes them: readable, unique, never refused."""

from __future__ import annotations

import hashlib
import math
import posixpath
import re
from collections.abc import Mapping

# MLflow allows 250; the rest is room for the prefix of the tag that keeps the original name.
MAX_KEY = 200
MAX_PARAM = 6000
MAX_TAG = 8000
MAX_NAME = 250
NAME_TAG = "autometa.name."
_FORBIDDEN = re.compile(r"[^/\w.\- :]")


def key(name: str) -> str:
    """Gives the key under which MLflow shows `name`.

    A name that MLflow takes stays as it is. In any other, each forbidden character becomes ``_``
    and eight digits of its hash are added, so that two names never share a key.

    Example:
        >>> key("lightgbm.num_leaves")
        'lightgbm.num_leaves'
        >>> key("price [EUR]")
        'price _EUR_-e2dfb0c7'
    """
    if _is_valid(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    readable = _FORBIDDEN.sub("_", name)[: MAX_KEY - 9]
    if not _is_path(f"{readable}-{digest}"):
        readable = readable.replace("/", "_").lstrip(".")
    return f"{readable}-{digest}"


def _is_valid(name: str) -> bool:
    return len(name) <= MAX_KEY and not _FORBIDDEN.search(name) and _is_path(name)


def _is_path(name: str) -> bool:
    """Whether MLflow could use the name as a relative path that means itself."""
    normal = posixpath.normpath(name)
    return normal == name and name != "." and not name.startswith(("..", "/"))


def text(value: object, limit: int) -> str:
    """Gives `value` as text of at most `limit` characters that any database can store."""
    # PostgreSQL refuses NUL; a lone surrogate cannot be encoded at all.
    clean = str(value).replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def texts(values: Mapping[str, object], limit: int) -> dict[str, str]:
    """Gives params or tags with keys and values that MLflow takes."""
    return {key(name): text(value, limit) for name, value in values.items()}


def renamed(names: Mapping[str, object]) -> dict[str, str]:
    """Gives a tag for each name whose key differs, so that the page still shows the name."""
    return {f"{NAME_TAG}{key(name)}": text(name, MAX_TAG) for name in names if key(name) != name}


def finite(metrics: Mapping[str, float | None]) -> dict[str, float]:
    """Gives the metrics that can be drawn: MLflow stores an infinity as 1.8e308."""
    return {
        key(name): float(value)
        for name, value in metrics.items()
        if value is not None and math.isfinite(value)
    }


def not_finite(metrics: Mapping[str, float | None]) -> str:
    """Names the metrics that `finite` leaves out because they are infinite or NaN."""
    return ", ".join(
        f"{name}={value}"
        for name, value in metrics.items()
        if value is not None and not math.isfinite(value)
    )
