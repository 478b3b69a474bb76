"""The fitted encoding: typed columns in, one float32 matrix out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autometa.encoding.columns import FLOAT32_MAX, Floats, read_numbers, to_float32
from autometa.encoding.steps import NumericStep, Step, step_from_json, step_to_json
from autometa.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_VERSION = 1
_BLOCK = 256  # columns that are worked on together, which bounds memory on wide tables


@dataclass(frozen=True)
class EncodingPlan:
    """What `TabularEncoder.fit` gives.

    Args:
        steps: In the order of their outputs.

    Example:
        >>> import numpy as np, pandas as pd
        >>> from autometa import EncodingPlan, TabularEncoder
        >>> X = pd.DataFrame({"size": [1.0, 3.0], "colour": pd.Categorical(["red", "blue"])})
        >>> plan = TabularEncoder(min_count=1).fit(X, rng=np.random.default_rng(0))
        >>> plan.names
        ('size', 'colour=blue', 'colour=red')
        >>> EncodingPlan.from_json(plan.to_json()).transform(X).tolist()
        [[-1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]
    """

    steps: tuple[Step, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""
        return tuple(name for step in self.steps for name in step.names)

    @property
    def width(self) -> int:
        """Number of outputs."""
        return len(self.names)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads; others are ignored."""
        return tuple(dict.fromkeys(step.column for step in self.steps))

    @property
    def is_exportable(self) -> bool:
        """Whether it can be written for another runtime: no text."""
        return all(step.is_exportable for step in self.steps)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """Where the outputs of each step stand."""
        ends = np.cumsum([len(step.names) for step in self.steps], dtype=int).tolist()
        return tuple(slice(a, b) for a, b in zip([0, *ends], ends, strict=False))

    def transform(self, X: pd.DataFrame) -> Floats:
        """Encodes rows.

        Args:
            X: (n, d) DataFrame with the columns it was fitted on, in any order; n may be 0.
                Infinite numbers count as missing, unseen levels as each step says.

        Returns:
            (n, width) float32, row after row in memory; NaN only where a step keeps it.

        Raises:
            DataError: If a column is missing.
        """
        self._check_columns(X)
        out = np.zeros((len(X), self.width), dtype=np.float32)
        if not len(X):
            return out
        for block in self._blocks:
            block.transform(X, out)
        for step, place in zip(self.steps, self.slices, strict=True):
            if not isinstance(step, NumericStep):
                step.transform(X[step.column], out[:, place])
        return out

    def to_json(self) -> str:
        """Gives the plan as JSON text; reading it back transforms to the same bits."""
        steps = [step_to_json(step) for step in self.steps]
        return json.dumps({"version": _VERSION, "steps": steps}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> EncodingPlan:
        """Reads what `to_json` gave.

        Raises:
            ValueError: If it is not an encoding plan of this version.
        """
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("version") != _VERSION:
            raise ValueError(f"not an encoding plan of version {_VERSION}")
        return cls(tuple(step_from_json(step) for step in data["steps"]))

    @cached_property
    def _blocks(self) -> tuple[_Block, ...]:
        pairs = zip(self.steps, self.slices, strict=True)
        numeric = [(s, place.start) for s, place in pairs if isinstance(s, NumericStep)]
        chunks = (numeric[i : i + _BLOCK] for i in range(0, len(numeric), _BLOCK))
        return tuple(_Block(chunk) for chunk in chunks)

    def _check_columns(self, X: pd.DataFrame) -> None:
        there = set(X.columns)
        lacking = [repr(name) for name in self.columns if name not in there]
        if lacking:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            raise DataError(
                f"The rows lack the column {', '.join(lacking[:3])}{more} that the model reads.",
                hint="Give every column the model was trained on; a missing value may be empty.",
            )


class _Block:
    """Numeric steps that are applied together, as one matrix."""

    def __init__(self, steps: Sequence[tuple[NumericStep, int]]) -> None:
        self.sources: dict[str, list[tuple[int, str]]] = {}
        for row, (step, _) in enumerate(steps):
            self.sources.setdefault(step.column, []).append((row, step.part))
        self.impute = _column([np.nan if s.impute is None else s.impute for s, _ in steps])
        self.center = _column([step.center for step, _ in steps])
        self.factor = _column([step.factor for step, _ in steps])
        self.squashed = np.flatnonzero([step.is_squashed for step, _ in steps])
        self.marked = np.flatnonzero([step.has_indicator for step, _ in steps])
        self.places = np.array([start for _, start in steps], dtype=int)

    def transform(self, X: pd.DataFrame, out: Floats) -> None:
        raw = np.empty((len(self.places), len(X)), dtype=np.float64)
        for column, sources in self.sources.items():
            series = X[column]
            for row, part in sources:
                raw[row] = read_numbers(series, part)
        values = to_float32(raw)  # (m, n)
        missing = np.isnan(values)
        values = np.where(missing, self.impute, values)
        with np.errstate(over="ignore"):
            values = (values - self.center) * self.factor
        np.clip(values, -FLOAT32_MAX, FLOAT32_MAX, out=values)
        if self.squashed.size:
            values[self.squashed] = squash(values[self.squashed])
        out[:, self.places] = values.T
        out[:, self.places[self.marked] + 1] = missing[self.marked].T


def squash(z: Floats) -> Floats:
    """Gives z / sqrt(1 + (z / 3)²), within ±3 (Holzmüller et al. 2024, "Better by default")."""
    bounded: Floats = np.clip(z, -1e15, 1e15)  # so that the square stays finite
    squashed: Floats = bounded / np.sqrt(1.0 + (bounded / 3.0) ** 2)
    return squashed


def _column(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float32)[:, None]
