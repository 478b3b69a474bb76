"""Raw numbers and dates as one tensor, from which all numeric features are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from autometa.onnxgraph.nodes import Nodes

Source: TypeAlias = tuple[str, str]
"""A column, and ``value`` or a part of a date, see `encoding.columns.DATE_PARTS`."""

MISSING_DATE = int(np.iinfo(np.int64).min)
"""What a date column holds where a date is missing; NumPy's NaT has the same bits."""

_DAY = 86_400_000_000  # microseconds
_HOUR = 3_600_000_000
_THURSDAY = 3  # 1970-01-01, when Monday is 0


def write_sources(nodes: Nodes, inputs: Mapping[str, str], sources: Sequence[Source]) -> str:
    """Writes (n, len(sources)) float32, NaN = missing.

    Args:
        nodes: Takes them.
        inputs: By column its input, (n, 1): float32; int64 microseconds since 1970 of a date.
        sources: Values of numbers, then parts of dates, the same part side by side.
    """
    tensors = []
    columns = [inputs[column] for column, part in sources if part == "value"]
    if columns:
        raw = nodes.concat(columns)
        nan = nodes.constant(np.nan, np.float32)
        tensors.append(nodes.add("Where", [nodes.add("IsInf", [raw]), nan, raw]))
    if len(columns) < len(sources):
        tensors.append(_write_dates(nodes, inputs, sources[len(columns) :]))
    return nodes.concat(tensors)


def _write_dates(nodes: Nodes, inputs: Mapping[str, str], sources: Sequence[Source]) -> str:
    """Writes the parts of all dates at once, (n, len(sources))."""
    columns = list(dict.fromkeys(column for column, _ in sources))
    calendar = _Calendar(nodes, nodes.concat([inputs[column] for column in columns]))
    tensors = []
    for part in dict.fromkeys(part for _, part in sources):
        own = [columns.index(column) for column, other in sources if other == part]
        tensors.append(nodes.gather(calendar.part(part), own, len(columns)))
    return nodes.concat(tensors)


class _Calendar:
    """Writes parts of dates, (n, k) float32, operation by operation as NumPy computes them.

    Year and month come from the days by whole numbers alone: eras of 400 years, which have 146,097
    days, and years that begin in March, so that the leap day is the last one.

    Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.

    Args:
        nodes: Takes them.
        dates: Tensor (n, k) int64, microseconds since 1970-01-01 UTC.
    """

    def __init__(self, nodes: Nodes, dates: str) -> None:
        self._nodes = nodes
        self._missing = nodes.add("Equal", [dates, self._whole(MISSING_DATE)])
        # One day later than the earliest, so that midnight before it is a number too.
        bounded = nodes.add("Max", [dates, self._whole(MISSING_DATE + _DAY)])
        self._within = self._op("Mod", bounded, _DAY)  # of the day, in [0, _DAY)
        self._days = self._op("Div", nodes.add("Sub", [bounded, self._within]), _DAY)
        self._march: tuple[str, str] | None = None

    def part(self, name: str) -> str:
        """Gives one of `DATE_PARTS`, NaN = missing."""
        values = {
            "year": self._year,
            "month": self._month,
            "weekday": lambda: self._op("Mod", self._op("Add", self._days, _THURSDAY), 7),
            "hour": lambda: self._op("Div", self._within, _HOUR),
            "elapsed_days": self._elapsed,
        }[name]()
        nan = self._nodes.constant(np.nan, np.float32)
        return self._nodes.add("Where", [self._missing, nan, self._nodes.cast(values, "float")])

    def _elapsed(self) -> str:
        nodes = self._nodes
        days, within = (nodes.cast(whole, "double") for whole in (self._days, self._within))
        hours = nodes.add("Div", [within, nodes.constant(float(_HOUR), np.float64)])
        share = nodes.add("Div", [hours, nodes.constant(24.0, np.float64)])
        return nodes.add("Add", [days, share])

    def _year(self) -> str:
        year, month = self._from_march()
        return self._nodes.add("Add", [year, self._op("Div", self._op("Add", month, 2), 12)])

    def _month(self) -> str:
        _, month = self._from_march()
        return self._op("Add", self._op("Mod", self._op("Add", month, 2), 12), 1)

    def _from_march(self) -> tuple[str, str]:
        """Gives the year that began in March, and the month of it, 0 = March."""
        if self._march is not None:
            return self._march
        add, op = self._nodes.add, self._op
        days = op("Add", self._days, 719_468)  # since 0000-03-01
        day = op("Mod", days, 146_097)  # of the era
        era = op("Div", add("Sub", [days, day]), 146_097)
        leaps = add("Sub", [op("Div", day, 36_524), op("Div", day, 146_096)])
        leaps = add("Sub", [leaps, op("Div", day, 1_460)])
        year = op("Div", add("Add", [day, leaps]), 365)  # of the era
        before = add("Sub", [op("Div", year, 4), op("Div", year, 100)])
        before = add("Add", [op("Mul", year, 365), before])
        rest = add("Sub", [day, before])  # of the year
        month = op("Div", op("Add", op("Mul", rest, 5), 2), 153)
        self._march = add("Add", [op("Mul", era, 400), year]), month
        return self._march

    def _op(self, op: str, values: str, number: int) -> str:
        return self._nodes.add(op, [values, self._whole(number)])

    def _whole(self, number: int) -> str:
        return self._nodes.constant(number, np.int64)
