"""Categories as codes: one look-up of each text, one table for all that models make of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.steps import OneHotStep, OrdinalStep, TargetStep
from autometa.onnxgraph.nodes import ML, Array, Nodes

if TYPE_CHECKING:
    from autometa.onnxgraph.features import LevelValue


@dataclass(slots=True)
class _Column:
    """What is made of one column.

    Args:
        texts: The levels that have rows in the tables.
        features: Values wanted of it.
        sums: By step: (m, k) coefficients of its outputs, and the first of k sums.
    """

    texts: dict[str, None] = field(default_factory=dict)
    steps: list[Any] = field(default_factory=list)
    features: list[LevelValue] = field(default_factory=list)
    sums: list[tuple[Any, Array, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Table:
    """A column's codes with what each stands for.

    Args:
        keys: Texts with their codes.
        default: Code of every other text.
        features: (codes, features) float32.
        sums: (codes, n_sums) float64.
    """

    keys: Mapping[str, int]
    default: int
    features: Array
    sums: Array


class Levels:
    """The categorical columns of a graph.

    Args:
        categories: By column: all categories that the input schema knows; any other text counts
            as missing, as when a model folder predicts. None: it counts as an unseen level, as
            when a model predicts.
    """

    def __init__(self, categories: Mapping[str, Sequence[str]] | None) -> None:
        self._categories = categories
        self._columns: dict[str, _Column] = {}
        self._tables: list[_Table] = []
        self._codes = ""
        self._offsets = np.zeros(0, dtype=np.int64)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order of the inputs."""
        return list(self._columns)

    def see(self, step: OneHotStep | OrdinalStep | TargetStep) -> _Column:
        """Takes note of the levels of a step."""
        column = self._columns.setdefault(step.column, _Column())
        if not any(step is other for other in column.steps):
            column.steps.append(step)
            column.texts |= dict.fromkeys(step.levels)
        return column

    def want(self, feature: LevelValue) -> None:
        """Asks for a feature."""
        self.see(feature.step).features.append(feature)

    def add_sums(
        self, step: OneHotStep | OrdinalStep | TargetStep, coef: Array, first: int
    ) -> None:
        """Adds outputs @ coef, (m, k) to the sums `first`...; no output is computed for it."""
        self.see(step).sums.append((step, coef, first))

    def write_codes(self, nodes: Nodes, inputs: Mapping[str, str], n_sums: int) -> None:
        """Writes the look-ups, (n, columns) codes.

        Args:
            nodes: Takes them.
            inputs: Tensor (n, 1) of texts by column.
            n_sums: How many sums there are.
        """
        codes = []
        for name, column in self._columns.items():
            table = self._table(name, column, n_sums)
            self._tables.append(table)
            codes.append(
                nodes.add(
                    "LabelEncoder",
                    [inputs[name]],
                    domain=ML,
                    keys_strings=list(table.keys),
                    values_int64s=list(table.keys.values()),
                    default_int64=table.default,
                )
            )
        sizes = [len(table.features) for table in self._tables]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        self._codes = nodes.concat(codes)

    def _table(self, name: str, column: _Column, n_sums: int) -> _Table:
        known = None if self._categories is None else self._categories.get(name)
        texts = [text for text in {**column.texts, **dict.fromkeys(known or ())} if _is_utf8(text)]
        outputs = _Outputs(texts)
        features = np.zeros((len(texts) + 2, len(column.features)), dtype=np.float32)
        for index, feature in enumerate(column.features):
            features[:, index] = feature.of(outputs(feature.step))
        sums = np.zeros((len(texts) + 2, n_sums))
        for step, coef, first in column.sums:
            own = slice(first, first + coef.shape[1])
            sums[:, own] += outputs(step).astype(np.float64) @ coef
        # Levels that no model tells apart share a code.
        rows = np.hstack([features.view(np.uint32).astype(np.uint64), sums.view(np.uint64)])
        _, kept, codes = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        codes = codes.ravel()
        missing, unseen = int(codes[-2]), int(codes[-1])
        default = unseen if known is None else missing
        keys = {text: int(code) for text, code in zip([*texts, ""], codes, strict=False)}
        keys[""] = missing
        needed = {text: code for text, code in keys.items() if code != default}
        return _Table(needed or {"": missing}, default, features[kept], sums[kept])

    def write_features(self, nodes: Nodes) -> Iterator[tuple[str, dict[int, int], int]]:
        """Writes the wanted features: whole numbers as bytes, others as float32.

        Yields:
            A tensor (n, w), the column in it by id of the feature, and w.
        """
        parts: dict[bool, dict[tuple[int, bytes], tuple[Array, list[int]]]] = {True: {}, False: {}}
        for position, column in enumerate(self._columns.values()):
            for index, feature in enumerate(column.features):
                values = self._tables[position].features[:, index]
                is_whole = bool(
                    ((values == np.floor(values)) & (values >= 0) & (values < 256)).all()
                )
                key = (position, values.tobytes())
                parts[is_whole].setdefault(key, (values, []))[1].append(id(feature))
        for is_whole, found in parts.items():
            if found:
                rows = {one: i for i, (_, ids) in enumerate(found.values()) for one in ids}
                columns = [position for position, _ in found]
                yield (
                    self._look_up(nodes, columns, [v for v, _ in found.values()], is_whole),
                    rows,
                    len(found),
                )

    def _look_up(
        self, nodes: Nodes, columns: Sequence[int], values: Sequence[Array], is_whole: bool
    ) -> str:
        starts = np.concatenate([[0], np.cumsum([len(v) for v in values])[:-1]])
        codes = nodes.gather(self._codes, columns, len(self._columns))
        flat = nodes.constant(np.concatenate(values), np.uint8 if is_whole else np.float32)
        if is_whole:
            flat = nodes.cast(flat, "float")
        places = nodes.add("Add", [codes, nodes.constant(starts[None, :], np.int64)])
        return nodes.add("Gather", [flat, places], axis=0)

    def write_sums(self, nodes: Nodes) -> str | None:
        """Writes the sums over all columns, (n, n_sums) float64; None when there are none."""
        columns = list(self._columns.values())
        used = [index for index, column in enumerate(columns) if column.sums]
        if not used:
            return None
        tables = [self._tables[index].sums for index in used]
        starts = np.concatenate([[0], np.cumsum([len(table) for table in tables])[:-1]])
        codes = nodes.gather(self._codes, used, len(columns))
        places = nodes.add("Add", [codes, nodes.constant(starts[None, :], np.int64)])
        flat = nodes.constant(np.concatenate(tables), np.float64)
        rows = nodes.add("Gather", [flat, places], axis=0)  # (n, columns, n_sums)
        axis = nodes.constant([1], np.int64)
        return nodes.add("ReduceSum", [rows, axis], keepdims=0)


class _Outputs:
    """What steps make of each text, then of a missing value, then of an unseen level.

    Args:
        texts: The levels.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        import pandas as pd

        levels = list(texts)
        unseen = "unseen"
        while unseen in levels:
            unseen += "_"
        codes = [*range(len(levels)), -1, len(levels)]
        self._series = pd.Series(
            pd.Categorical.from_codes(codes, pd.Index([*levels, unseen], dtype=object))
        )
        self._done: dict[int, Array] = {}

    def __call__(self, step: Any) -> Array:
        """Gives (levels + 2, m) float32."""
        if id(step) not in self._done:
            out = np.zeros((len(self._series), len(step.names)), dtype=np.float32)
            step.transform(self._series, out)
            self._done[id(step)] = out
        return self._done[id(step)]


def _is_utf8(text: str) -> bool:
    """Whether a text can be given to the graph at all."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return text != ""
