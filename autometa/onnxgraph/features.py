"""Encoded columns, each computed once however many models read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from autometa.encoding import EncodingPlan
from autometa.encoding.columns import DATE_PARTS, FLOAT32_MAX
from autometa.encoding.steps import NumericStep, OneHotStep, OrdinalStep, Step, TargetStep
from autometa.errors import NotApplicable
from autometa.onnxgraph.levels import Levels
from autometa.onnxgraph.nodes import Array, Nodes
from autometa.onnxgraph.sources import Source

CategoryStep: TypeAlias = OneHotStep | OrdinalStep | TargetStep


@dataclass(frozen=True, slots=True)
class Number:
    """A number or a part of a date, imputed, scaled and squashed, see `NumericStep`."""

    column: str
    part: str
    impute: float | None
    center: float
    factor: float
    is_squashed: bool

    @property
    def group(self) -> str:
        """Which of the operations it needs."""
        if self.is_squashed:
            return "squashed"
        if (self.center, self.factor) != (0.0, 1.0):
            return "scaled"
        return "plain" if self.impute is None else "imputed"


@dataclass(frozen=True, slots=True)
class Gap:
    """1 where a number or a date is missing."""

    column: str
    part: str


@dataclass(frozen=True, slots=True, eq=False)
class LevelValue:
    """Output `index` of a step of a category; with `left`, 0 for the codes whose bit is set.

    Args:
        step: Of the plan.
        index: Of its output.
        left: (8,) uint32 bits of codes, and whether a missing code goes left; or None.
    """

    step: CategoryStep
    index: int
    left: tuple[Array, bool] | None = None

    def of(self, encoded: Array) -> Array:
        """Gives its value for each code, (c,) float32, from the step's outputs, (c, m)."""
        values: Array = encoded[:, self.index]
        if self.left is None:
            return values
        bits, missing_left = self.left
        code = np.nan_to_num(values).astype(np.int64) & 255
        is_left = (bits[code >> 5] >> (code & 31).astype(np.uint32)) & 1
        is_left = np.where(np.isnan(values), missing_left, is_left)
        return (1 - is_left).astype(np.float32)


Feature: TypeAlias = Number | Gap | LevelValue


def features_of(plan: EncodingPlan) -> list[Feature]:
    """Gives one feature per output of a plan.

    Raises:
        NotApplicable: If a step has no place in ONNX; names its column.
    """
    return [feature for step in plan.steps for feature in _step_features(step)]


def _step_features(step: Step) -> Iterator[Feature]:
    if not step.is_exportable:
        raise NotApplicable(f"column {step.column!r} is encoded as text, which ONNX cannot do")
    if isinstance(step, NumericStep):
        scaling = (step.impute, step.center, step.factor, step.is_squashed)
        yield Number(step.column, step.part, *scaling)
        if step.has_indicator:
            yield Gap(step.column, step.part)
    elif isinstance(step, (OneHotStep, OrdinalStep, TargetStep)):
        yield from (LevelValue(step, index) for index in range(len(step.names)))


@dataclass(slots=True)
class Features:
    """The features that a graph needs, and how they are written.

    Args:
        levels: Of the categorical columns.
    """

    levels: Levels
    wanted: list[Feature] = field(default_factory=list)
    _sources: dict[Source, None] = field(default_factory=dict)
    _index: dict[Feature, int] = field(default_factory=dict)

    def want(self, feature: Feature) -> int:
        """Asks for a feature; gives its index, the same for equal ones."""
        if feature not in self._index:
            self._index[feature] = len(self.wanted)
            self.wanted.append(feature)
            if isinstance(feature, LevelValue):
                self.levels.want(feature)
            else:
                self._sources[feature.column, feature.part] = None
        return self._index[feature]

    @property
    def sources(self) -> list[Source]:
        """What numbers are made of, in the order that `write_sources` wants."""
        order = ("value", *DATE_PARTS)
        return sorted(self._sources, key=lambda source: order.index(source[1]))

    def write(self, nodes: Nodes, numbers: str | None) -> tuple[str, Array, int]:
        """Writes all features as one tensor.

        Args:
            nodes: Takes them.
            numbers: Tensor (n, sources), NaN = missing; None without a source.

        Returns:
            The tensor (n, width); the position of each wanted feature in it; its width.
        """
        places = np.zeros(len(self.wanted), dtype=np.int64)
        tensors: list[str] = []
        width = 0
        for group in ("plain", "imputed", "scaled", "squashed", "gap"):
            index = [i for i, f in enumerate(self.wanted) if _group(f) == group]
            if index and numbers is not None:
                own = [self.wanted[i] for i in index]
                tensors.append(self._write_numbers(nodes, numbers, own, group))
                places[index] = width + np.arange(len(index))
                width += len(index)
        index = [i for i, f in enumerate(self.wanted) if isinstance(f, LevelValue)]
        for tensor, rows, n_columns in self.levels.write_features(nodes):
            tensors.append(tensor)
            for i in index:
                if (row := rows.get(id(self.wanted[i]))) is not None:
                    places[i] = width + row
            width += n_columns
        return nodes.concat(tensors), places, width

    def _write_numbers(self, nodes: Nodes, numbers: str, own: Sequence[Feature], group: str) -> str:
        places = {source: place for place, source in enumerate(self.sources)}
        columns = [places[f.column, f.part] for f in own if not isinstance(f, LevelValue)]
        values = nodes.gather(numbers, columns, len(places))
        if group == "plain":
            return values
        gaps = nodes.add("IsNaN", [values])
        if group == "gap":
            return nodes.cast(gaps, "float")
        steps = [f for f in own if isinstance(f, Number)]
        return _encode_numbers(nodes, values, gaps, steps, group)


def _group(feature: Feature) -> str:
    if isinstance(feature, Number):
        return feature.group
    return "gap" if isinstance(feature, Gap) else "levels"


def _encode_numbers(
    nodes: Nodes, values: str, gaps: str, steps: Sequence[Number], group: str
) -> str:
    """Repeats `EncodingPlan.transform` in float32, operation by operation."""
    has_gaps_left = any(step.impute is None for step in steps)
    impute = [np.nan if step.impute is None else step.impute for step in steps]
    values = nodes.add("Where", [gaps, nodes.constant([impute], np.float32), values])
    if group == "imputed":
        return values
    values = nodes.add("Sub", [values, nodes.constant([[s.center for s in steps]], np.float32)])
    values = nodes.add("Mul", [values, nodes.constant([[s.factor for s in steps]], np.float32)])
    values = _clip(nodes, values, FLOAT32_MAX)
    if group == "squashed":
        values = _clip(nodes, values, 1e15)
        third = nodes.add("Div", [values, nodes.constant(3.0, np.float32)])
        square = nodes.add("Mul", [third, third])
        root = nodes.add("Sqrt", [nodes.add("Add", [square, nodes.constant(1.0, np.float32)])])
        values = nodes.add("Div", [values, root])
    if not has_gaps_left:
        return values
    # What Clip makes of NaN is not defined.
    kept = nodes.constant([[s.impute is None for s in steps]], np.bool_)
    missing = nodes.add("And", [gaps, kept])
    return nodes.add("Where", [missing, nodes.constant(np.nan, np.float32), values])


def _clip(nodes: Nodes, values: str, bound: float) -> str:
    ends = [nodes.constant(end, np.float32) for end in (-bound, bound)]
    return nodes.add("Clip", [values, *ends])
