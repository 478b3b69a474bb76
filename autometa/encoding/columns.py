"""Reads one typed column into numbers, category codes or documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]
Integers = np.ndarray[Any, np.dtype[np.integer[Any]]]

FLOAT32_MAX = float(np.finfo(np.float32).max)
DATE_PARTS = ("year", "month", "weekday", "hour", "elapsed_days")
"""Parts of a date; `elapsed_days` counts from 1970-01-01 with its fraction."""

_THURSDAY = 3  # 1970-01-01, when Monday is 0


def column_kind(series: pd.Series[Any]) -> str:
    """Gives ``number``, ``boolean``, ``category``, ``date`` or ``text``, by the dtype alone.

    Raises:
        DataError: If the type is none of those (complex, time spans).
    """
    dtype = series.dtype
    name, kind = str(dtype), getattr(dtype, "kind", "O")
    if name in ("bool", "boolean", "category"):
        return "category" if name == "category" else "boolean"
    if kind in "iuf":
        return "number"
    if kind == "M":
        return "date"
    if kind in "cm":
        raise DataError(
            f"Column {series.name!r} has type {name}, which no encoding takes.",
            hint="Convert it to a number.",
        )
    return "text"


def read_numbers(series: pd.Series[Any], part: str) -> Floats:
    """Reads a column as (n,) float64, NaN where missing.

    Args:
        series: A column of numbers, booleans or dates.
        part: ``value``, or one of `DATE_PARTS` for a date.
    """
    if part != "value":
        return _date_part(series, part)
    if isinstance(series.dtype, np.dtype):
        return series.to_numpy().astype(np.float64, copy=False)
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _date_part(series: pd.Series[Any], part: str) -> Floats:
    moments = np.asarray(series.to_numpy(dtype="datetime64[us]"))  # of a time zone: UTC
    missing = np.isnat(moments)
    days = moments.astype("datetime64[D]")
    hours = (moments - days) / np.timedelta64(1, "h")
    if part == "year":
        values = moments.astype("datetime64[Y]").astype(np.int64) + 1970.0
    elif part == "month":
        values = moments.astype("datetime64[M]").astype(np.int64) % 12 + 1.0
    elif part == "weekday":
        values = (days.astype(np.int64) + _THURSDAY) % 7 + 0.0
    elif part == "hour":
        values = np.floor(hours)
    else:
        values = days.astype(np.int64) + hours / 24.0
    values[missing] = np.nan
    return values


def to_float32(values: Floats) -> Floats:
    """Gives float32: infinities become NaN, other values are clipped to the float32 range."""
    clipped = np.clip(values, -FLOAT32_MAX, FLOAT32_MAX)
    clipped[np.isinf(values)] = np.nan
    return clipped.astype(np.float32)


def read_codes(
    series: pd.Series[Any], index: Mapping[str, int], *, unseen: int, missing: int
) -> Integers:
    """Reads a categorical column as (n,) codes.

    Args:
        series: The column.
        index: Code of each known level.
        unseen: Code of any other level.
        missing: Code of missing values.
    """
    column: Any = series if str(series.dtype) == "category" else series.astype("category")
    codes = [index.get(str(level), unseen) for level in column.array.categories]
    # Pandas' own code of a missing value is -1: the last entry.
    table: Integers = np.array([*codes, missing], dtype=np.int64)
    coded: Integers = table[np.asarray(column.array.codes)]
    return coded


def read_documents(series: pd.Series[Any]) -> list[str]:
    """Reads a text column; a missing document is an empty one."""
    missing = series.isna().to_numpy()
    return ["" if gone else str(text) for text, gone in zip(series.tolist(), missing, strict=True)]
