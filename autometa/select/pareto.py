"""The front of trials that no other trial beats in everything."""

from __future__ import annotations

from collections.abc import Sequence


def dominates(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether losses a are nowhere above b and somewhere below."""
    pairs = list(zip(a, b, strict=True))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def front(losses: Sequence[Sequence[float]]) -> list[int]:
    """Gives the indices that are not dominated, in their order; equal points are all in it.

    Args:
        losses: One row per candidate, smaller is better, no NaN.
    """
    return [i for i, row in enumerate(losses) if not any(dominates(other, row) for other in losses)]
