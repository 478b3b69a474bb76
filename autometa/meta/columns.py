"""Columns of trials as arrays, so that a hundred thousand trials load in less than a second.

Three kinds: `ValueColumn` holds one parameter-like value per row, `RaggedColumn` a short tuple of
floats or None per row, `SparseColumns` many named value columns that exist in some rows only.
Every kind gives a JSON description and a list of little-endian arrays, and reads them back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from autometa.trial import ParamValue

FloatArray: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
IntArray: TypeAlias = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
AnyArray: TypeAlias = np.ndarray[Any, Any]
Arrays: TypeAlias = Iterator[AnyArray]
Spec: TypeAlias = dict[str, Any]

FLOAT, INT, CODE, ROW = "<f8", "<i8", "<i4", "<i4"


@dataclass(frozen=True, eq=False)
class ValueColumn:
    """One value per row; floats and integers as they are, anything else as codes.

    Args:
        data: (n,) float64, int64, or int32 codes into `choices`.
        choices: The distinct values of a coded column, None for a numeric one.
    """

    data: AnyArray
    choices: tuple[ParamValue, ...] | None = None

    @classmethod
    def of(cls, values: Sequence[ParamValue]) -> ValueColumn:
        """Stores `values` without loss of value or type; a NaN stays a NaN."""
        kinds = {type(value) for value in values}
        if kinds <= {float}:
            return cls(np.asarray(values, FLOAT))
        if kinds == {int}:
            with suppress(OverflowError):  # beyond 64 bits: kept as coded values
                return cls(np.asarray(values, INT))
        if kinds == {str}:
            places: dict[ParamValue, int] = {}
            data = [places.setdefault(value, len(places)) for value in values]
            return cls(np.asarray(data, CODE), tuple(places))
        # The type is part of the key: 1, 1.0 and True are equal and must come back as they were.
        codes: dict[str, int] = {}
        data = [codes.setdefault(json.dumps(_plain(value)), len(codes)) for value in values]
        return cls(np.asarray(data, CODE), tuple(json.loads(text) for text in codes))

    @cached_property
    def values(self) -> list[ParamValue]:
        """(n,) Python values."""
        plain: list[ParamValue] = self.data.tolist()
        if self.choices is None:
            return plain
        return [self.choices[code] for code in self.data.tolist()]

    def take(self, rows: AnyArray) -> ValueColumn:
        """Gives the rows of an index or boolean array."""
        return ValueColumn(self.data[rows], self.choices)

    def dump(self) -> tuple[Spec, list[AnyArray]]:
        """Gives the JSON description and the arrays it speaks of."""
        return {"choices": None if self.choices is None else list(self.choices)}, [self.data]

    @classmethod
    def load(cls, spec: Spec, arrays: Arrays) -> ValueColumn:
        """Reads what `dump` gave.

        Raises:
            ValueError: If a code has no choice or the array is of another type.
        """
        data, choices = next(arrays), spec["choices"]
        if choices is None:
            return cls(_checked(data, FLOAT, INT))
        if len(data) and not 0 <= data.min() <= data.max() < len(choices):
            raise ValueError("a code is outside its choices")
        return cls(_checked(data, CODE), tuple(choices))


@dataclass(frozen=True, eq=False)
class RaggedColumn:
    """A tuple of floats, or None, per row.

    Args:
        lengths: (n,) int32, -1 for None.
        flat: All floats behind one another, float64.
    """

    lengths: IntArray
    flat: FloatArray

    @classmethod
    def of(cls, rows: Sequence[Sequence[float] | None]) -> RaggedColumn:
        """Stores `rows` without loss."""
        lengths = [-1 if row is None else len(row) for row in rows]
        flat = [float(value) for row in rows if row is not None for value in row]
        return cls(np.asarray(lengths, ROW), np.asarray(flat, FLOAT))

    @classmethod
    def nothing(cls, n: int) -> RaggedColumn:
        """Gives `n` rows of None."""
        return cls(np.full(n, -1, ROW), np.empty(0, FLOAT))

    @classmethod
    def of_matrix(cls, matrix: FloatArray) -> RaggedColumn:
        """Stores an (n, k) matrix as n tuples of k; a row of only NaN becomes None."""
        known = ~np.isnan(matrix).all(axis=1)
        lengths = np.where(known, matrix.shape[1], -1).astype(ROW)
        return cls(lengths, matrix[known].astype(FLOAT).ravel())

    @cached_property
    def tuples(self) -> list[tuple[float, ...] | None]:
        """(n,) tuples of Python floats, or None."""
        flat, out, start = self.flat.tolist(), [], 0
        for length in self.lengths.tolist():
            out.append(None if length < 0 else tuple(flat[start : start + length]))
            start += max(length, 0)
        return out

    def matrix(self, width: int | None = None) -> FloatArray:
        """Gives (n, width) floats padded with NaN; `width` defaults to the longest row."""
        longest = int(self.lengths.max(initial=0))
        lengths = np.maximum(self.lengths, 0)
        out = np.full((len(lengths), max(longest, width or 0)), np.nan)
        out[np.arange(out.shape[1]) < lengths[:, None]] = self.flat
        return out if width is None else out[:, :width]

    def take(self, keep: AnyArray) -> RaggedColumn:
        """Gives the rows of an (n,) boolean array."""
        kept = np.repeat(keep, np.maximum(self.lengths, 0))
        return RaggedColumn(self.lengths[keep], self.flat[kept])

    def dump(self) -> tuple[Spec, list[AnyArray]]:
        """Gives the JSON description and the arrays it speaks of."""
        return {}, [self.lengths, self.flat]

    @classmethod
    def load(cls, _: Spec, arrays: Arrays) -> RaggedColumn:
        """Reads what `dump` gave.

        Raises:
            ValueError: If lengths and values do not fit together.
        """
        lengths, flat = _checked(next(arrays), ROW), _checked(next(arrays), FLOAT)
        if np.maximum(lengths, 0).sum() != len(flat):
            raise ValueError("lengths and values do not fit together")
        return cls(lengths, flat)


@dataclass(frozen=True, eq=False)
class SparseColumns:
    """Named value columns of `n` rows, each present in some rows.

    Args:
        n: Number of rows.
        columns: Per name the rows in which it is present (rising; None = all) and its values.
    """

    n: int
    columns: Mapping[str, tuple[IntArray | None, ValueColumn]]

    @classmethod
    def of(cls, dicts: Sequence[Mapping[str, ParamValue]]) -> SparseColumns:
        """Stores one mapping per row."""
        found: dict[str, tuple[list[int], list[ParamValue]]] = {}
        for row, mapping in enumerate(dicts):
            for name, value in mapping.items():
                rows, values = found.setdefault(name, ([], []))
                rows.append(row)
                values.append(value)
        n = len(dicts)
        return cls(n, {name: cls._column(n, *found[name]) for name in sorted(found)})

    @staticmethod
    def _column(
        n: int, rows: list[int], values: list[ParamValue]
    ) -> tuple[IntArray | None, ValueColumn]:
        return None if len(rows) == n else np.asarray(rows, ROW), ValueColumn.of(values)

    @cached_property
    def dicts(self) -> list[dict[str, ParamValue]]:
        """(n,) mappings. Shared by all who ask: not to be changed."""
        out: list[dict[str, ParamValue]] = [{} for _ in range(self.n)]
        for name, (rows, column) in self.columns.items():
            where = range(self.n) if rows is None else rows.tolist()
            for row, value in zip(where, column.values, strict=True):
                out[row][name] = value
        return out

    def take(self, keep: AnyArray) -> SparseColumns:
        """Gives the rows of an (n,) boolean array."""
        place = np.cumsum(keep) - 1
        columns: dict[str, tuple[IntArray | None, ValueColumn]] = {}
        for name, (rows, column) in self.columns.items():
            chosen = keep if rows is None else keep[rows]
            kept = column.take(chosen)
            if len(kept.data):
                columns[name] = (None if rows is None else place[rows[chosen]].astype(ROW), kept)
        return SparseColumns(int(keep.sum()), columns)

    def dump(self) -> tuple[Spec, list[AnyArray]]:
        """Gives the JSON description and the arrays it speaks of."""
        specs: list[Spec] = []
        arrays: list[AnyArray] = []
        for name, (rows, column) in self.columns.items():
            spec, data = column.dump()
            specs.append({"name": name, "everywhere": rows is None, **spec})
            arrays += data if rows is None else [rows, *data]
        return {"n": self.n, "columns": specs}, arrays

    @classmethod
    def load(cls, spec: Spec, arrays: Arrays) -> SparseColumns:
        """Reads what `dump` gave.

        Raises:
            ValueError: If a column has more or fewer values than rows, or a row out of range.
        """
        n, columns = int(spec["n"]), {}
        for item in spec["columns"]:
            rows = None if item["everywhere"] else _checked(next(arrays), ROW)
            column = ValueColumn.load(item, arrays)
            _check_rows(n, rows, len(column.data))
            columns[str(item["name"])] = (rows, column)
        return cls(n, columns)


def _plain(value: Any) -> ParamValue:
    """Numpy scalars come from tables and samplers; JSON knows only Python's own."""
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is not None and not isinstance(plain, bool | int | float | str):
        raise TypeError(f"a parameter value is {type(value).__name__}, not a plain value")
    return plain


def _check_rows(n: int, rows: IntArray | None, n_values: int) -> None:
    if n_values != (n if rows is None else len(rows)):
        raise ValueError("a column has more or fewer values than rows")
    if rows is not None and len(rows) and not 0 <= rows.min() <= rows.max() < n:
        raise ValueError("a column speaks of a row that does not exist")


def _checked(array: AnyArray, *dtypes: str) -> AnyArray:
    if array.dtype.str not in dtypes:
        raise ValueError(f"a column is of type {array.dtype.str}, not {' or '.join(dtypes)}")
    return array
