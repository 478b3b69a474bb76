"""One column: what its values are, and how any raw values become canonical ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa

from autometa.errors import DataError
from autometa.text_values import (
    Floats,
    Levels,
    levels_of,
    parse_booleans,
    parse_dates,
    parse_numbers,
    plain_numbers,
)

RawColumn: TypeAlias = "pd.Series[Any]"
Values: TypeAlias = Any
"""(n,) canonical values: a float64 or datetime64[us] array, or a pandas extension array."""

KINDS = ("numeric", "boolean", "categorical", "date", "text", "dropped")
REASONS = {
    "id": "every value is different",
    "constant": "every value is the same",
    "all-missing": "every value is missing",
}
"""Why a column is dropped, and what that means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What a column holds, and how its raw values are read.

    Args:
        name: As in the source; any text.
        kind: One of `KINDS`.
        categories: Categorical: the sorted category texts. Boolean: the (false, true) texts as
            they were written. Else empty.
        format: Numeric: ``plain``, or the decimal mark of texts with currency or group signs.
            Date: ``ISO8601`` or a `strptime` format. Else "".
        reason: A key of `REASONS` for a dropped column, else "".
    """

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    format: str = ""
    reason: str = ""

    @property
    def dtype(self) -> Any:
        """The dtype of its canonical values."""
        if self.kind == "date":
            return np.dtype("datetime64[us]")
        empty = np.empty(0, dtype=object if self.kind == "text" else np.float64)
        return typed_array(self, empty).dtype

    @property
    def decimal(self) -> str | None:
        """The decimal mark of numbers in texts, where it had to be found out; else None."""
        return self.format if self.format in (".", ",") else None

    def to_json(self) -> dict[str, Any]:
        """Gives a JSON object; empty entries are left out."""
        entries = asdict(self) | {"categories": list(self.categories)}
        return {key: value for key, value in entries.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Column:
        """Reads what `to_json` gave.

        Raises:
            ValueError: If the kind is unknown.
        """
        if data["kind"] not in KINDS:
            raise ValueError(f"column {data.get('name', '')!r}: unknown kind {data['kind']!r}")
        known = {key: data[key] for key in cls.__slots__ if key in data}
        known["name"] = data.get("name", "")
        known["categories"] = tuple(data.get("categories", ()))
        return cls(**known)


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column, its canonical values and what had to be changed to get them.

    Args:
        column: What it holds.
        values: (n,) canonical values; None for a dropped column.
        changes: Messages with the number of values each concerns (0 = the whole column).
    """

    column: Column
    values: Values
    changes: tuple[tuple[str, int], ...] = ()


def read_column(column: Column, raw: RawColumn) -> ReadColumn:
    """Reads raw values of any dtype as the column says.

    What does not fit (an unseen category, a number that cannot be parsed) becomes missing and is
    counted in ``changes``.
    """
    raw = plain_dtype(raw, column.name)
    values, n_lost = _READERS[column.kind](column, raw)
    if not n_lost:
        return ReadColumn(column, values)
    what = "unseen categories" if column.kind == "categorical" else f"not {_NOUNS[column.kind]}"
    return ReadColumn(column, values, ((f"values became missing ({what})", n_lost),))


def typed_array(column: Column, values: np.ndarray[Any, Any]) -> Values:
    """Gives the canonical array of raw storage values.

    Args:
        column: What it holds.
        values: (n,) float64; datetime64[us]; category codes, -1 = missing; 0, 1 or -1 for
            booleans; texts with None.
    """
    match column.kind:
        case "categorical":
            dtype = pd.CategoricalDtype(pd.Index(list(column.categories), dtype=_STRINGS))
            return pd.Categorical.from_codes(values.astype(np.int32), dtype=dtype)
        case "boolean":
            return pd.arrays.BooleanArray(values == 1, values < 0)
        case "text":
            return pd.array(values, dtype="string")
        case _:
            return values


_STRINGS = pd.Series(["a"]).dtype  # what this pandas gives to strings: str, or object before 3


def plain_dtype(raw: RawColumn, name: str) -> RawColumn:
    """Brings exotic dtypes to the ones handled here."""
    if isinstance(raw.dtype, pd.ArrowDtype):
        if pa.types.is_nested(raw.dtype.pyarrow_dtype):
            raise _nested(name)
        raw = pa.array(raw).to_pandas()
    if isinstance(raw.dtype, pd.PeriodDtype):
        return pd.Series(raw.dt.to_timestamp())
    if pd.api.types.is_timedelta64_dtype(raw.dtype):
        return raw.dt.total_seconds()
    return _from_objects(raw, name) if raw.dtype == object else raw


def _from_objects(raw: RawColumn, name: str) -> RawColumn:
    match pd.api.types.infer_dtype(raw, skipna=True):
        case "boolean":
            return raw.astype("boolean")
        case "floating" | "mixed-integer-float" | "decimal":
            return raw.astype("float64")
        case "date" | "datetime" | "datetime64":
            return pd.to_datetime(raw, utc=True, errors="coerce")
        case "mixed":
            if raw.map(
                lambda value: isinstance(value, list | dict | tuple | set | np.ndarray)
            ).any():
                raise _nested(name)
    return raw


def _nested(name: str) -> DataError:
    return DataError(
        f"Column {name!r} holds lists or records, but one value per cell is needed.",
        hint="Flatten it into columns of its own, or leave it out.",
    )


def typed_booleans(raw: RawColumn) -> Values | None:
    """Gives a ``boolean`` array of a column of that dtype, else None."""
    return raw.astype("boolean").array if pd.api.types.is_bool_dtype(raw.dtype) else None


def typed_numbers(raw: RawColumn) -> Floats | None:
    """Gives (n,) float64 of an integer or float column, NaN = missing, else None."""
    is_real = pd.api.types.is_numeric_dtype(raw.dtype) and raw.dtype.kind in "iuf"
    return raw.to_numpy(dtype=np.float64, na_value=np.nan) if is_real else None


def datetimes(raw: RawColumn) -> np.ndarray[Any, Any]:
    """Gives (n,) datetime64[us] in UTC of a datetime column."""
    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        raw = raw.dt.tz_convert("UTC").dt.tz_localize(None)
    return raw.to_numpy().astype("datetime64[us]")


def finite(numbers: Floats) -> tuple[Floats, int]:
    """Gives the numbers with NaN for ±inf, and how many of these there were."""
    infinite = np.isinf(numbers)
    n_infinite = int(infinite.sum())
    return (np.where(infinite, np.nan, numbers) if n_infinite else numbers), n_infinite


def boolean_values(column: Column, truth: Floats) -> Values:
    """Gives the canonical booleans of (n,) 1.0, 0.0 and NaN."""
    return typed_array(column, np.where(np.isnan(truth), -1, truth))


def text_values(levels: Levels) -> Values:
    """Gives the canonical text of each row."""
    texts = levels.texts.take(pa.array(levels.codes, mask=levels.codes < 0))
    return pd.array(texts.to_pandas(), dtype="string")


def category_values(column: Column, levels: Levels) -> Values:
    """Gives the canonical category of each row; missing where the column does not know it."""
    known = pd.Index(list(column.categories), dtype=object)
    positions = known.get_indexer(pd.Index(levels.texts.to_pylist(), dtype=object))
    return typed_array(column, levels.spread(positions.astype(np.int64), -1))


def _read_numeric(column: Column, raw: RawColumn) -> tuple[Values, int]:
    if (bools := typed_booleans(raw)) is not None:
        return bools.to_numpy(dtype=np.float64, na_value=np.nan), 0
    if (numbers := typed_numbers(raw)) is not None:
        return finite(numbers)
    if column.format != "," and (numbers := plain_numbers(raw)) is not None:
        return finite(numbers)
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return np.full(len(raw), np.nan), int(raw.notna().sum())
    levels = levels_of(raw).without_missing_words()
    numbers, _ = finite(levels.spread(parse_numbers(levels.texts, column.format), np.nan))
    return numbers, int((levels.codes >= 0).sum() - np.isfinite(numbers).sum())


def _read_boolean(column: Column, raw: RawColumn) -> tuple[Values, int]:
    if (bools := typed_booleans(raw)) is not None:
        return bools, 0
    levels = levels_of(raw).without_missing_words()
    truth = levels.spread(parse_booleans(levels.texts), np.nan)
    n_lost = int((levels.codes >= 0).sum() - np.isfinite(truth).sum())
    return boolean_values(column, truth), n_lost


def _read_categorical(column: Column, raw: RawColumn) -> tuple[Values, int]:
    levels = levels_of(raw)
    values = category_values(column, levels)
    return values, int((levels.codes >= 0).sum() - (values.codes >= 0).sum())


def _read_date(column: Column, raw: RawColumn) -> tuple[Values, int]:
    if pd.api.types.is_datetime64_any_dtype(raw.dtype):
        return datetimes(raw), 0
    levels = levels_of(raw).without_missing_words()
    dates = levels.spread(parse_dates(levels.texts, column.format), np.datetime64("NaT"))
    return dates, int((levels.codes >= 0).sum() - (~np.isnat(dates)).sum())


def _read_text(column: Column, raw: RawColumn) -> tuple[Values, int]:
    return text_values(levels_of(raw)), 0


_READERS = {
    "numeric": _read_numeric,
    "boolean": _read_boolean,
    "categorical": _read_categorical,
    "date": _read_date,
    "text": _read_text,
}
_NOUNS = {"numeric": "numbers", "boolean": "booleans", "date": "dates", "text": "text"}
