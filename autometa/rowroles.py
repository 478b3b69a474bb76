"""What the columns that are no features say of each row: its group, its moment, its part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from autometa.dataset import Dataset
from autometa.errors import DataError
from autometa.inference import numbers_of
from autometa.schema import Schema, show_name
from autometa.split import Mask
from autometa.target import written

_MOST_EMPTY = 0.1  # share of rows without a text, where texts are all there is
_TEST_WORDS = frozenset({"test", "true", "1", "1.0", "yes", "y", "t", "holdout"})


def has_document(dataset: Dataset, schema: Schema, keep: Mask, warnings: list[str]) -> Mask:
    """Marks the rows that say something, where texts are all there is to learn from.

    Raises:
        DataError: If more than a tenth of the usable rows have no text.
    """
    said = says_something(dataset, schema)
    empty = np.flatnonzero(keep & ~said)
    if not len(empty):
        return said
    found = f"{len(empty)} of {int(keep.sum())} rows have no text, the first is row {empty[0] + 1}"
    if len(empty) > _MOST_EMPTY * keep.sum():
        raise DataError(f"{found}.", hint="Fill in the texts, or leave these rows out.")
    warnings.append(f"{found}; they are not used")
    return said


def says_something(dataset: Dataset, schema: Schema) -> Mask:
    """Marks all rows, or those with a text where texts are all there is to learn from."""
    if dataset.images is not None or any(column.kind != "text" for column in schema):
        return np.ones(len(dataset.frame), dtype=bool)
    return np.asarray(dataset.frame[list(schema.names)].notna().any(axis=1), dtype=bool)


def times_of(dataset: Dataset, name: str | None) -> np.ndarray[Any, Any] | None:
    """Gives (n,) float64 moments, NaN = missing; None without a column.

    Raises:
        DataError: If the column holds neither numbers nor dates.
    """
    if name is None:
        return None
    kind = dataset.schema[name].kind
    if kind == "date":
        moments = dataset.frame[name].to_numpy()
        return np.where(np.isnat(moments), np.nan, moments.astype(np.int64).astype(np.float64))
    if kind == "numeric":
        return dataset.frame[name].to_numpy()
    numbers = numbers_of(dataset.raw_column(name))
    if numbers is None:
        raise DataError(
            f"validation.time: {show_name(name)} holds neither numbers nor dates.",
            hint="Write dates as 2026-01-31, all in one format.",
        )
    return numbers


def groups_of(
    dataset: Dataset, name: str | None, warnings: list[str]
) -> np.ndarray[Any, Any] | None:
    """Gives (n,) int64 codes of the values of a column, -1 = missing; None without a column."""
    if name is None:
        return None
    labels = written(dataset.raw_column(name))
    if n_missing := int(labels.isna().sum()):
        warnings.append(f"{n_missing} rows have no {show_name(name)} and form one group")
    return np.asarray(pd.factorize(labels)[0], dtype=np.int64)


def marks_of(dataset: Dataset, name: str | None) -> Mask | None:
    """Marks the rows that a column puts into the test part; None without a column.

    Raises:
        DataError: If it marks none, or all.
    """
    if name is None:
        return None
    labels = written(dataset.raw_column(name)).str.strip().str.lower()
    marks = np.asarray(labels.isin(_TEST_WORDS), dtype=bool)
    if marks.all() or not marks.any():
        found = ", ".join(map(repr, labels.dropna().unique()[:5]))
        raise DataError(
            f"data.test: {show_name(name)} must mark some rows as test and some not; it holds "
            f"{found}.",
            hint="Mark test rows with 'test', 'true' or 1.",
        )
    return marks


def overlap(dataset: Dataset, test: Dataset | None, roles: Mapping[str, str]) -> dict[str, float]:
    """Gives how far a given test part shares groups or moments with the development part."""
    marks = marks_of(dataset, roles.get("data.test"))
    found: dict[str, float] = {}
    for key in ("group", "time"):
        name = roles.get(f"validation.{key}")
        known = test is None or (name is not None and name in test.schema)
        if name is None or not known or (test is None and marks is None):
            continue
        ours, theirs = _keys(dataset, name, key), None if test is None else _keys(test, name, key)
        if marks is not None and theirs is None:
            ours, theirs = ours[~marks], ours[marks]
        assert theirs is not None
        shared = pd.Series(theirs).isin(ours) if key == "group" else theirs < np.nanmax(ours)
        found[key] = float(np.mean(shared))
    return found


def _keys(dataset: Dataset, name: str, key: str) -> np.ndarray[Any, Any]:
    if key == "group":
        return written(dataset.raw_column(name)).fillna("").to_numpy()
    times = times_of(dataset, name)
    assert times is not None
    return times
