"""Which of many records a prior learns from, and how far away each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autometa.meta.columns import FloatArray
from autometa.meta.record import TaskRecord
from autometa.meta.similarity import Scale

MOST_SOURCES = 400
"""So many past tasks enter a prior. Ten times as many cost ten times as much and teach little."""


def retrieve(records: Sequence[TaskRecord], features: Mapping[str, float]) -> list[TaskRecord]:
    """Gives at most `MOST_SOURCES` records, in their order.

    Half are the nearest by meta-features, where the new task's are known; the rest are taken
    evenly over time, the last one included.
    """
    if len(records) <= MOST_SOURCES:
        return list(records)
    near: set[int] = set()
    if features:
        order = np.argsort(remoteness(records, features), kind="stable")
        near = set(order[: MOST_SOURCES // 2].tolist())
    others = [i for i in range(len(records)) if i not in near]
    places = np.linspace(0, len(others) - 1, MOST_SOURCES - len(near)).round().astype(int)
    chosen = near | {others[place] for place in places}
    return [records[i] for i in sorted(chosen)]


def remoteness(records: Sequence[TaskRecord], features: Mapping[str, float]) -> FloatArray:
    """Gives (T,) squared distances of meta-features; the mean where one has none, 0 if all."""
    none = np.zeros(len(records))
    if not features or not any(record.metafeatures for record in records):
        return none
    scale = Scale.fit(record.metafeatures for record in records)
    others = np.stack([scale.transform(record.metafeatures) for record in records])
    squares = scale.distances(features, others) ** 2
    known = np.isfinite(squares)
    return np.where(known, squares, squares[known].mean()) if known.any() else none
