"""Rows that come one after the other, and a split that does not know it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autometa.checking.finding import Finding, Severity, named, percent
from autometa.checking.table import CheckedTable, Floats

_ORDERED = 0.95
_ALIKE = 0.2
_FEWEST_MOMENTS = 10
_FEWEST_ROWS = 30
_MOST_ROWS = 20_000


def check_moments(table: CheckedTable) -> Iterator[Finding]:
    """Finds dates along which rows are ordered, or neighbours alike, under a random split."""
    if (share := table.overlap.get("time", 0.0)) > 0.0:
        yield _before_the_end(share)
    if not table.is_random:
        return
    for column in table.schema:
        if column.kind != "date":
            continue
        finding = _look(table, column.name)
        if finding is not None:
            yield finding


def _before_the_end(share: float) -> Finding:
    return Finding(
        check="time_leak_test",
        severity=Severity.WARNING,
        message=f"{percent(share)} of the test rows are older than the last development row.",
        advice="Give a test part of later rows, or leave data.test out to have one set aside.",
        evidence={"share": round(share, 4)},
    )


def _look(table: CheckedTable, name: str) -> Finding | None:
    rows = table.sample(np.arange(len(table.y)), _MOST_ROWS)
    values = table.numbers(name, rows)
    known = np.flatnonzero(~np.isnan(values))
    moments, y = values[known], table.y[rows][known]
    if len(moments) < _FEWEST_ROWS or len(np.unique(moments)) < _FEWEST_MOMENTS:
        return None
    ordered, alike = order_share(moments), _alike(moments, y, table.n_classes)
    noise = 4.0 / np.sqrt(len(moments))
    is_grave = ordered >= _ORDERED or alike >= max(_ALIKE, noise)
    return Finding(
        check="time_leak",
        severity=Severity.WARNING if is_grave else Severity.INFO,
        message=_message(name, ordered, alike),
        advice=(
            "If the model will predict later rows, set validation.time to this column; a random "
            "split looks into the future."
        ),
        columns=(name,),
        evidence={"ordered": round(ordered, 4), "autocorrelation": round(alike, 4)},
    )


def _message(name: str, ordered: float, alike: float) -> str:
    shown = named([name])
    if ordered >= _ORDERED:
        return (
            f"{percent(ordered)} of the rows stand in the order of {shown}, but are split randomly."
        )
    return (
        f"The rows have a date, {shown}, and are split randomly; neighbours in time correlate by "
        f"{alike:.2f} in the target."
    )


def order_share(moments: Floats) -> float:
    """Gives the share of steps from row to row that go one way; steps in place count neither way.

    Example:
        >>> order_share(np.array([1.0, 2.0, 2.0, 3.0]))
        1.0
    """
    steps = np.sign(np.diff(moments))
    n_up, n_down = int((steps > 0).sum()), int((steps < 0).sum())
    return max(n_up, n_down) / (n_up + n_down) if n_up + n_down else 0.0


def _alike(moments: Floats, y: np.ndarray[Any, Any], n_classes: int | None) -> float:
    """Gives the correlation of the target with that of the row before it in time."""
    order = np.argsort(moments, kind="stable")
    if n_classes is None:
        return _autocorrelation(y[order])
    common = np.bincount(y).argmax()
    return _autocorrelation((y[order] == common).astype(np.float64))


def _autocorrelation(values: Floats) -> float:
    centred = values - values.mean()
    variance = float((centred**2).sum())
    return float((centred[1:] * centred[:-1]).sum()) / variance if variance > 0 else 0.0
