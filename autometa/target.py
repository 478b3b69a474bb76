"""What the target column says: the problem, the labels as they were written, the encoded values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from autometa.columns import RawColumn
from autometa.errors import DataError, TaskError
from autometa.inference import numbers_of
from autometa.schema import show_name
from autometa.split import Mask
from autometa.text_values import MISSING_WORDS, Floats

PROBLEMS = ("classification", "regression")

_MOST_CLASSES = 1000
_MOST_WHOLE = 20  # whole numbers: up to so many different ones are classes
_MOST_FLOATS = 5  # the same for whole numbers that are written as 1.0
_ROWS_PER_CLASS = 5
_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float"}


@dataclass(frozen=True, slots=True)
class Target:
    """A target column without its missing rows.

    Args:
        problem: One of `PROBLEMS`.
        reason: Why, in a few words.
        y: (n,) int64 class indices, or finite float64 values.
        classes: Labels as they were written, sorted (numbers by value); () for regression.
        class_kind: What the labels are in the data: ``str``, ``int``, ``float`` or ``bool``.
        has_value: (n_raw,) which rows of the raw column `y` holds.
    """

    problem: str
    reason: str
    y: np.ndarray[Any, Any]
    classes: tuple[str, ...]
    class_kind: str
    has_value: Mask


def read_target(
    raw: RawColumn, problem: str = "auto", *, name: str, decimal: str | None = None
) -> Target:
    """Reads a target column.

    Two different values, booleans and texts are classes. Up to 20 different whole numbers, with
    five rows each on average, are classes (up to 5 if they are written as ``1.0``). All else is
    regression.

    Args:
        raw: (n,) values of any dtype.
        problem: ``auto`` or one of `PROBLEMS`.
        name: Name of the column, for messages.
        decimal: Decimal mark of numbers in texts; None = found out.

    Raises:
        TaskError: If the problem is unknown.
        DataError: If the column has no values, one value throughout, infinite values, too many
            different texts, or texts that are no numbers in a regression.
    """
    if problem not in ("auto", *PROBLEMS):
        raise TaskError(
            f"unknown problem {problem!r}.",
            key="problem",
            hint=f"Choose auto, {' or '.join(PROBLEMS)}.",
        )
    labels = written(raw)
    has_value = _has_value(labels)
    numbers = numbers_of(raw, decimal)
    if numbers is not None:
        require_finite(numbers, name)
        has_value = has_value & ~np.isnan(numbers)
    if not has_value.any():
        raise DataError(
            f"Every value of the target {show_name(name)} is missing.",
            hint="Choose another data.target, or fill the column.",
        )
    if problem == "auto":
        problem, reason = _infer_problem(raw, labels[has_value], numbers)
    else:
        reason = "as the task says"
    if problem == "regression":
        return _regression(raw, numbers, name=name, reason=reason)
    return _classification(raw, labels, has_value, name=name, reason=reason)


def written(raw: RawColumn) -> pd.Series[Any]:
    """Gives (n,) each value as the text that the user wrote, None = missing."""
    if isinstance(raw.dtype, pd.CategoricalDtype):
        texts = [*map(str, raw.cat.categories), None]  # code -1 reads the last
        return pd.Series([texts[code] for code in raw.cat.codes], dtype=object)
    values = raw.astype(object).to_numpy()
    missing = raw.isna().to_numpy()
    pairs = zip(values, missing, strict=True)
    return pd.Series([None if gone else str(value) for value, gone in pairs], dtype=object)


def encode(labels: pd.Series[Any], classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """Gives (n,) int64 positions of the labels in `classes`, -1 for what is not there."""
    return np.asarray(pd.Index(list(classes), dtype=object).get_indexer(pd.Index(labels)))


def find_class(label: str, classes: Sequence[str]) -> int:
    """Gives the position of a label, also where case or number format differ.

    Raises:
        DataError: If no class, or more than one, is meant.
    """
    for key in (str, str.lower, _number_key):
        found = [i for i, other in enumerate(classes) if key(other) == key(label)]
        if len(found) == 1:
            return found[0]
    known = ", ".join(map(repr, classes[:10]))
    raise DataError(
        f"data.positive_class is {label!r}, which is no label of the target.",
        hint=f"The labels are {known}.",
    )


def _number_key(text: str) -> str:
    try:
        return repr(float(text))
    except ValueError:
        return text


def _has_value(labels: pd.Series[Any]) -> Mask:
    stripped = labels.str.strip()
    return np.asarray(stripped.notna() & (stripped != ""), dtype=bool)


def require_finite(numbers: Floats, name: str) -> None:
    """Checks a target for ±inf.

    Raises:
        DataError: If there is one; names the first row, from 1.
    """
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise DataError(
            f"The target {show_name(name)} has {len(infinite)} infinite "
            f"value{'s' if len(infinite) > 1 else ''}, the first in row {infinite[0] + 1}.",
            hint="Remove these rows or correct the values.",
        )


def _infer_problem(
    raw: RawColumn, labels: pd.Series[Any], numbers: Floats | None
) -> tuple[str, str]:
    if isinstance(raw.dtype, pd.CategoricalDtype):
        return "classification", "the target is categorical"
    if numbers is None:
        return "classification", "the target is not numeric"
    values = pd.unique(numbers[~np.isnan(numbers)])
    n = len(values)
    if n <= 2:
        return "classification", f"the target has {n} different values"
    is_whole = bool((values == np.floor(values)).all())
    most = _MOST_WHOLE if labels.str.fullmatch(r"\s*[-+]?\d+\s*").all() else _MOST_FLOATS
    if is_whole and n <= most and len(labels) >= n * _ROWS_PER_CLASS:
        return "classification", f"the target has {n} different whole numbers"
    return "regression", f"the target is numeric with {n} different values"


def _regression(raw: RawColumn, numbers: Floats | None, *, name: str, reason: str) -> Target:
    if numbers is None:
        raise DataError(
            f"The target {show_name(name)} is not numeric (such as {_example(raw)!r}), but "
            "regression needs numbers.",
            hint="Set problem: classification, or correct the values.",
        )
    has_value = ~np.isnan(numbers)
    y = numbers[has_value]
    if len(y) > 1 and (y == y[0]).all():
        raise _one_value(name, str(y[0]), int((~has_value).sum()))
    return Target("regression", reason, y, (), "float", has_value)


def _example(raw: RawColumn) -> str:
    texts = written(raw).dropna()
    numbers = pd.to_numeric(texts, errors="coerce")
    wrong = texts[numbers.isna() & ~texts.str.strip().str.lower().isin(MISSING_WORDS)]
    return str((wrong if len(wrong) else texts).iloc[0])[:40]


def _one_value(name: str, value: str, n_missing: int) -> DataError:
    others = f" beside {n_missing} missing," if n_missing else ""
    return DataError(
        f"The target {show_name(name)} has only one value, {value[:40]!r},{others} so there is "
        "nothing to learn.",
        hint="Choose another data.target, or add rows with other values.",
    )


def _classification(
    raw: RawColumn, labels: pd.Series[Any], has_value: Mask, *, name: str, reason: str
) -> Target:
    kept = labels[has_value]
    found = [str(label) for label in kept.unique()]
    if len(found) == 1 and len(kept) > 1:
        raise _one_value(name, found[0], int((~has_value).sum()))
    if len(found) > min(_MOST_CLASSES, max(2, len(kept) // 2)) and len(kept) > 3:
        raise DataError(
            f"The target {show_name(name)} has {len(found)} different values in {len(kept)} rows, "
            "too many for classes.",
            hint="Choose another data.target, or problem: regression if it holds numbers.",
        )
    classes = tuple(sorted(found, key=_class_order(found)))
    dtype = raw.cat.categories.dtype if isinstance(raw.dtype, pd.CategoricalDtype) else raw.dtype
    kind = _KINDS.get(dtype.kind, "str")
    return Target("classification", reason, encode(kept, classes), classes, kind, has_value)


def _class_order(labels: Sequence[str]) -> Any:
    """Gives the sort key: by value if all labels are numbers, else as texts."""
    try:
        values = {label: float(label) for label in labels}
    except ValueError:
        return str
    return lambda label: (values[label], label)
