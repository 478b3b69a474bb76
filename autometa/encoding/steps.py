"""The steps of an encoding plan: one frozen record per encoded column, with how it is applied."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from autometa.encoding.columns import Floats, read_codes, read_documents

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class NumericStep:
    """Imputes and scales a number, a boolean or one part of a date.

    The output is ``(value - center) * factor`` in float32. Plans apply these in blocks.

    Args:
        column: Name of the column.
        part: ``value``, or a part of a date.
        impute: What replaces a missing value; None keeps it as NaN.
        has_indicator: Whether a second output says 1 where the value was missing.
        center: What is subtracted.
        factor: What it is then multiplied with.
        is_squashed: Whether z / sqrt(1 + (z / 3)²) follows, which keeps outliers within ±3.
    """

    kind: ClassVar[str] = "numeric"
    is_exportable: ClassVar[bool] = True
    column: str
    part: str = "value"
    impute: float | None = None
    has_indicator: bool = False
    center: float = 0.0
    factor: float = 1.0
    is_squashed: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        name = self.column if self.part == "value" else f"{self.column}:{self.part}"
        return (name, f"{name}=missing") if self.has_indicator else (name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHotStep:
    """One output per level.

    Args:
        column: Name of the column.
        levels: The levels with an output of their own.
        has_other: Whether an output takes rare and unseen levels; without it they are all zeros.
        has_missing: Whether an output takes missing values; without it they are all zeros.
    """

    kind: ClassVar[str] = "onehot"
    is_exportable: ClassVar[bool] = True
    column: str
    levels: tuple[str, ...]
    has_other: bool
    has_missing: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        extra = (("other", self.has_other), ("missing", self.has_missing))
        labels = [*self.levels, *(label for label, is_there in extra if is_there)]
        return tuple(f"{self.column}={label}" for label in labels)

    def transform(self, series: pd.Series[Any], out: Floats) -> None:
        """Writes the outputs into `out`, (n, width) zeros."""
        n_levels = len(self.levels)
        other = n_levels if self.has_other else -1
        missing = n_levels + self.has_other if self.has_missing else -1
        index = {level: code for code, level in enumerate(self.levels)}
        codes = read_codes(series, index, unseen=other, missing=missing)
        rows = np.flatnonzero(codes >= 0)
        out[rows, codes[rows]] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinalStep:
    """One output: the position of the level.

    Args:
        column: Name of the column.
        levels: The levels in the order of their codes 0, 1, ...
        unseen: Output of any other level; None = NaN.
        missing: Output of a missing value; None = NaN.
    """

    kind: ClassVar[str] = "ordinal"
    is_exportable: ClassVar[bool] = True
    column: str
    levels: tuple[str, ...]
    unseen: float | None
    missing: float | None

    @property
    def names(self) -> tuple[str, ...]:
        """Name of the output."""
        return (self.column,)

    def transform(self, series: pd.Series[Any], out: Floats) -> None:
        """Writes the codes into `out`, (n, 1)."""
        n_levels = len(self.levels)
        index = {level: code for code, level in enumerate(self.levels)}
        codes = read_codes(series, index, unseen=n_levels, missing=n_levels + 1)
        ends = [np.nan if value is None else value for value in (self.unseen, self.missing)]
        out[:, 0] = np.array([*range(n_levels), *ends], dtype=np.float32)[codes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetStep:
    """The smoothed mean of the target per level.

    Args:
        column: Name of the column.
        levels: The known levels.
        values: (n_levels + 2, m) float32: one row per level, then missing, then unseen.
    """

    kind: ClassVar[str] = "target"
    is_exportable: ClassVar[bool] = True
    column: str
    levels: tuple[str, ...]
    values: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(f"{self.column}@target{index}" for index in range(self.values.shape[1]))

    def transform(self, series: pd.Series[Any], out: Floats) -> None:
        """Writes the means into `out`, (n, m)."""
        n_levels = len(self.levels)
        index = {level: code for code, level in enumerate(self.levels)}
        out[:] = self.values[read_codes(series, index, unseen=n_levels + 1, missing=n_levels)]


N_HASHES = 2**16
"""Of words and pairs of words: enough that two that matter seldom meet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextStep:
    """TF-IDF over hashed words and pairs of words, projected on `components` if there are any.

    Args:
        column: Name of the column.
        hashes: (n_terms,) increasing hashes, below `N_HASHES`, of the words and pairs that count.
        idf: (n_terms,) float32 weight of each term.
        components: (n_terms, n_components) float32; n_components 0 gives the terms themselves.
    """

    kind: ClassVar[str] = "text"
    is_exportable: ClassVar[bool] = False
    column: str
    hashes: tuple[int, ...]
    idf: Floats
    components: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        width = self.components.shape[1] or len(self.idf)
        return tuple(f"{self.column}#{index}" for index in range(width))

    def transform(self, series: pd.Series[Any], out: Floats) -> None:
        """Writes the encoded documents into `out`, (n, width)."""
        weights = weigh_terms(count_terms(series, self.hashes), self.idf)
        if self.components.shape[1]:
            out[:] = weights @ self.components
        else:
            out[:] = weights.toarray()


def count_terms(series: pd.Series[Any], hashes: Sequence[int] | None = None) -> Any:
    """Counts words and pairs of words of each document.

    Returns:
        Sparse float32 counts, (n, len(hashes)), or (n, `N_HASHES`) when `hashes` is None.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        n_features=N_HASHES,
        ngram_range=(1, 2),
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    counts = vectorizer.transform(read_documents(series))
    return counts if hashes is None else counts[:, list(hashes)]


def weigh_terms(counts: Any, idf: Floats) -> Any:
    """Gives (1 + log count) * idf with rows of length 1, or 0 for an empty document."""
    weights = counts.copy()
    weights.data = (1.0 + np.log(weights.data)) * idf[weights.indices]
    squares = np.asarray(weights.multiply(weights).sum(axis=1)).ravel()
    weights.data /= np.sqrt(squares).repeat(np.diff(weights.indptr))
    return weights


Step: TypeAlias = NumericStep | OneHotStep | OrdinalStep | TargetStep | TextStep
_KINDS: dict[str, type[Step]] = {
    cls.kind: cls for cls in (NumericStep, OneHotStep, OrdinalStep, TargetStep, TextStep)
}


def step_to_json(step: Step) -> dict[str, Any]:
    """Gives a dict that `json` can write."""
    values = {field.name: getattr(step, field.name) for field in fields(step)}
    return {"kind": step.kind} | {key: _to_json(value) for key, value in values.items()}


def step_from_json(data: Mapping[str, Any]) -> Step:
    """Reads what `step_to_json` gave.

    Raises:
        ValueError: If the kind is unknown or a field is missing or foreign.
    """
    values = {key: _from_json(value) for key, value in data.items() if key != "kind"}
    try:
        return _KINDS[data["kind"]](**values)
    except (KeyError, TypeError) as exc:
        raise ValueError(f"not a step of an encoding plan: {exc}") from exc


def _to_json(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return list(value) if isinstance(value, tuple) else value
    data = np.ascontiguousarray(value, dtype="<f4")
    return {"float32": base64.b64encode(data.tobytes()).decode(), "shape": list(data.shape)}


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        flat = np.frombuffer(base64.b64decode(value["float32"]), dtype="<f4")
        return flat.reshape(value["shape"])
    return tuple(value) if isinstance(value, list) else value
