"""Fits the rows of a request to the schema of a model, value by value.

A value means what it means to `autometa predict`: texts are read by the column's format, an unseen
category counts as missing. What cannot be read is refused here with its place, where a file of
many rows only counts it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from heapq import nsmallest
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from autometa.columns import Column, read_column
from autometa.schema import Schema
from autometa.serve.faults import MAX_PROBLEMS, show, unfit
from autometa.serve.table import Table
from autometa.text_values import BOOLEAN_MEANING, MISSING_WORDS

Array = np.ndarray[Any, Any]
Problem = Mapping[str, str]

EXPECTED = {
    "numeric": "a number",
    "boolean": "true or false",
    "categorical": "a text",
    "date": "a date",
    "text": "a text",
}
_TRUTHS: Mapping[Any, int] = {True: 1, False: 0, None: -1} | {
    form: truth
    for word, truth in BOOLEAN_MEANING.items()
    for form in (word, word.upper(), word.capitalize())
}
"""What usual values of a boolean column say; -1 = missing."""

_MAX_NAMES = 3
_MANY, _LONG = 100, 80


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that fit the schema, one array per column as `columns.typed_array` takes them.

    Args:
        values: (n,) each: float64; category codes, -1 = missing; 1, 0, -1 for booleans;
            datetime64[us]; texts with None.
        notes: What was ignored or counts as missing, one line each.
    """

    values: tuple[Array, ...]
    n_rows: int
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.n_rows


def join(parts: Sequence[Rows]) -> Rows:
    """Puts the rows of several requests one after another, without their notes."""
    if len(parts) == 1:
        return parts[0]
    columns = zip(*(part.values for part in parts), strict=True)
    values = tuple(np.concatenate(column) for column in columns)
    return Rows(values, sum(map(len, parts)))


class Inputs:
    """What a model takes.

    Args:
        schema: Of the model; dropped columns are not needed.
    """

    def __init__(self, schema: Schema) -> None:
        self.columns = tuple(column for column in schema if column.kind != "dropped")
        self._known = frozenset(schema.all_names)
        self._needed = frozenset(column.name for column in self.columns)
        self._readers = [_reader_of(column) for column in self.columns]

    def read(self, table: Table) -> Rows:
        """Fits a table.

        Raises:
            BadRequestError: 422, with every column that is missing and every value that is not
                what its column takes.
        """
        self._check_names(table)
        problems: list[Problem] = []
        n_problems = 0
        values, notes = [], self._ignored(table)
        for column, read in zip(self.columns, self._readers, strict=True):
            raw = [row[column.name] for row in table.rows]
            got, wrong, n_unseen = read(raw)
            n_problems += len(wrong)
            shown = wrong[: MAX_PROBLEMS - len(problems)]
            problems += [_problem(table, index, column, raw[index]) for index in shown]
            if n_unseen:
                notes.append(
                    f"column {show(column.name)}: {n_unseen} unseen categories count as missing"
                )
            values.append(got)
        if problems:
            raise unfit(problems, n_problems)
        return Rows(tuple(values), len(table), tuple(notes))

    def _check_names(self, table: Table) -> None:
        problems: list[Problem] = []
        n_problems = 0
        for index, row in enumerate(table.rows):
            if not (n_lacking := len(self._needed - row.keys())):
                continue
            n_problems += n_lacking
            # Anybody can send many rows that lack many columns: what is not shown is only counted.
            lacking = (column.name for column in self.columns if column.name not in row)
            for name in islice(lacking, MAX_PROBLEMS - len(problems)):
                got = "no such column"
                if len(problems) < _MAX_NAMES:
                    got += _nearest(name, row.keys() - self._known)
                expected = "a value (null when it is missing)"
                where = table.where(index)
                problems.append({"where": where, "column": name, "expected": expected, "got": got})
        if problems:
            raise unfit(problems, n_problems)

    def _ignored(self, table: Table) -> list[str]:
        foreign = set().union(*(row.keys() for row in table.rows)) - self._known
        if not foreign:
            return []
        names = sorted(foreign)
        more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
        shown = ", ".join(show(name) for name in names[:_MAX_NAMES])
        return [f"columns that the model does not know were ignored: {shown}{more}"]


def _nearest(name: str, there: Iterable[str]) -> str:
    """Gives the name that may be meant; of a few short ones, since it takes their product."""
    lowered = {other[:_LONG].strip().lower(): other for other in nsmallest(_MANY, there)}
    near = get_close_matches(name[:_LONG].strip().lower(), list(lowered), n=1)
    return f" (is {show(lowered[near[0]])} meant?)" if near else ""


def _problem(table: Table, index: int, column: Column, value: Any) -> Problem:
    expected = EXPECTED[column.kind]
    if column.kind == "date" and column.format != "ISO8601":
        expected += f" like {column.format}"
    if column.kind == "numeric" and isinstance(value, int | float):
        expected = "a finite number"
    return {
        "where": table.where(index),
        "column": column.name,
        "expected": expected,
        "got": show(value),
    }


Reader = Callable[[list[Any]], tuple[Array, Sequence[int], int]]
"""Gives the values, the indices of those that do not fit, and how many categories were unseen."""


def _reader_of(column: Column) -> Reader:
    """Gives a quick reader for what JSON usually holds, which hands the rest to `_read_any`."""
    match column.kind:
        case "numeric":
            return lambda raw: _read_numbers(column, raw)
        case "boolean":
            return lambda raw: _read_mapped(column, raw, _TRUTHS, {bool, str})
        case "categorical":
            codes: dict[Any, int] = {text: i for i, text in enumerate(column.categories)}
            codes |= {None: -1, "": -1}
            return lambda raw: _read_mapped(column, raw, codes, {str})
        case _:
            return lambda raw: _read_any(column, raw)


def _read_numbers(column: Column, raw: list[Any]) -> tuple[Array, Sequence[int], int]:
    if not set(map(type, raw)) <= {float, int, type(None)}:
        return _read_any(column, raw)
    try:
        values = np.array([math.nan if value is None else value for value in raw], dtype=np.float64)
    except OverflowError:
        return _read_any(column, raw)
    infinite = np.isinf(values)
    return values, np.flatnonzero(infinite).tolist() if infinite.any() else (), 0


def _read_mapped(
    column: Column, raw: list[Any], codes: Mapping[Any, int], kinds: set[type]
) -> tuple[Array, Sequence[int], int]:
    # A number equals a boolean in Python, so the types decide first.
    if not set(map(type, raw)) <= kinds | {type(None)} or not all(v in codes for v in raw):
        return _read_any(column, raw)
    return np.array([codes[value] for value in raw], dtype=np.int64), (), 0


def _read_any(column: Column, raw: list[Any]) -> tuple[Array, Sequence[int], int]:
    """Reads values of all kinds as a file's are read."""
    nested = [i for i, value in enumerate(raw) if isinstance(value, list | dict)]
    if nested:
        return np.empty(0), nested, 0
    plain = [_bounded(value) for value in raw]
    values = _stored(column, read_column(column, pd.Series(plain, dtype=object)).values)
    lost = [i for i, gone in enumerate(_missing(values)) if gone and not _is_missing(raw[i])]
    if column.kind in ("categorical", "text"):
        return values, (), len(lost)
    return values, lost, 0


def _bounded(value: Any) -> Any:
    """Gives a number that float64 can hold: no column is made of others."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**63:
        try:
            return float(value)
        except OverflowError:
            return math.inf
    return value


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in MISSING_WORDS
    return value is None or (isinstance(value, float) and math.isnan(value))


def _stored(column: Column, values: Any) -> Array:
    """Turns canonical values into what `columns.typed_array` makes them of."""
    match column.kind:
        case "categorical":
            return np.asarray(values.codes, dtype=np.int64)
        case "boolean":
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=-1.0), dtype=np.int64)
        case "text":
            return np.asarray(values.to_numpy(dtype=object, na_value=None))
        case _:
            return np.asarray(values)


def _missing(values: Array) -> Array:
    if values.dtype.kind == "i":
        return values < 0
    return np.asarray(pd.isna(values))
