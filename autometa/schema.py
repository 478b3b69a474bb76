"""The columns of a table, by name and order: inferred once, then applied to every later table."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from autometa.columns import REASONS, Column, RawColumn, ReadColumn, read_column
from autometa.errors import DataError
from autometa.inference import infer_column

_MAX_LINES = 20
_MAX_NAMES = 3
_MAX_NAME = 60


@dataclass(frozen=True)
class Schema:
    """What each column holds and how it is read.

    Args:
        columns: In the order of the table, dropped ones included.

    Example:
        >>> import pandas as pd
        >>> schema = Schema.infer(pd.DataFrame({"price": ["$3", "$4.50", ""]}))
        >>> schema["price"].kind
        'numeric'
        >>> schema.apply(pd.DataFrame({"price": ["$7"]}))["price"].tolist()
        [7.0]
    """

    columns: tuple[Column, ...]

    @classmethod
    def infer(cls, raw: pd.DataFrame, *, decimal: str | None = None) -> Schema:
        """Finds out what the columns of a table hold.

        Args:
            raw: (n, d) values of any dtype, also everything as texts.
            decimal: Decimal mark of numbers in texts, ``.`` or ``,``; None = found out.

        Raises:
            DataError: If two columns have one name, or cells hold lists.
        """
        return read_table(raw, decimal=decimal)[0]

    def apply(self, raw: pd.DataFrame) -> pd.DataFrame:
        """Gives the canonical columns of any raw table, in this schema's order.

        Further columns are ignored. A category that the schema does not know, and a text that is
        no number or date, become missing. So the dtypes are always those of the first table.

        Args:
            raw: (n, d) values of any dtype; n may be 0.

        Returns:
            (n, k) float64 (NaN), ``boolean`` (NA), ``category`` (NaN), datetime64[us] (NaT) and
            ``string`` (NA) columns; dropped ones are left out.

        Raises:
            DataError: If a column is missing; names the nearest that is there.
        """
        if self._is_canonical(raw):
            return raw
        return read_table(raw, schema=self)[1]

    def _is_canonical(self, raw: pd.DataFrame) -> bool:
        """Whether a table is as `apply` would give it: single rows are served several times faster.

        An infinite number would become missing, so its table is not.
        """
        if tuple(raw.columns) != self.names or raw.dtypes.tolist() != self._dtypes:
            return False
        numbers = (c.name for c in self.columns if c.kind == "numeric")
        return not any(np.isinf(raw[name].to_numpy()).any() for name in numbers)

    @cached_property
    def _dtypes(self) -> list[Any]:
        """Of the canonical columns."""
        kept = (column for column in self.columns if column.kind != "dropped")
        return [column.dtype for column in kept]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are not dropped."""
        return tuple(column.name for column in self.columns if column.kind != "dropped")

    @property
    def all_names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def dropped(self) -> tuple[Column, ...]:
        """The dropped columns."""
        return tuple(column for column in self.columns if column.kind == "dropped")

    def without(self, names: Iterable[str]) -> Schema:
        """Gives the schema without these columns and without dropped ones."""
        unwanted = set(names)
        kept = (c for c in self.columns if c.kind != "dropped" and c.name not in unwanted)
        return Schema(tuple(kept))

    def to_json(self) -> dict[str, Any]:
        """Gives a JSON object, ``{"columns": [...]}``."""
        return {"columns": [column.to_json() for column in self.columns]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """Reads what `to_json` gave.

        Raises:
            KeyError: If ``columns`` or a column's kind is missing.
            ValueError: If a kind is unknown.
        """
        return cls(tuple(Column.from_json(column) for column in data["columns"]))

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def read_table(
    raw: pd.DataFrame, *, schema: Schema | None = None, decimal: str | None = None
) -> tuple[Schema, pd.DataFrame, tuple[str, ...]]:
    """Reads a raw table by a schema, or finds the schema out.

    Returns:
        The schema; the (n, k) canonical frame; what was changed, one line each.

    Raises:
        DataError: See `Schema.infer` and `Schema.apply`.
    """
    columns = _columns(raw)
    if schema is None:
        read = [infer_column(values, name, decimal) for name, values in columns.items()]
        schema = Schema(tuple(one.column for one in read))
    else:
        require_columns(schema.names, columns, "The table has no column")
        kept = (column for column in schema if column.kind != "dropped")
        read = [read_column(column, columns[column.name]) for column in kept]
    return schema, frame_of(read, len(raw)), _notes(read)


def frame_of(read: Iterable[ReadColumn], n_rows: int) -> pd.DataFrame:
    """Gives the frame of the columns that were read, without dropped ones.

    Built at once: columns added one by one fragment a frame, which costs minutes at 10,000.
    """
    columns = {one.column.name: one.values for one in read if one.column.kind != "dropped"}
    return pd.DataFrame(columns, index=pd.RangeIndex(n_rows))


def require_columns(needed: Iterable[str], present: Iterable[str], problem: str) -> None:
    """Checks that all needed columns are there.

    Args:
        needed: Names to look for.
        present: Names that are there.
        problem: Start of the message, which goes on with the name.

    Raises:
        DataError: Names the first that is missing and the nearest ones that are there.
    """
    there = list(present)
    missing = sorted(set(needed).difference(there))
    if not missing:
        return
    name, more = missing[0], len(missing) - 1
    also = f" (and {more} more)" if more else ""
    raise DataError(f"{problem} {show_name(name)}{also}.", hint=_nearest(name, there))


def _nearest(name: str, there: list[str]) -> str:
    lowered = {other.strip().lower(): other for other in there}
    close = difflib.get_close_matches(name.strip().lower(), list(lowered), n=_MAX_NAMES, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(show_name(lowered[key]) for key in close)}?"
    return f"It has {_names(there)}." if there else "It has no columns."


def show_name(name: str) -> str:
    """Gives a column name in quotes, on one line, at most 60 characters."""
    return repr(name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…")


def _columns(raw: pd.DataFrame) -> dict[str, RawColumn]:
    columns = {str(name): values for name, values in raw.items()}
    if len(columns) < raw.shape[1]:
        counts = Counter(map(str, raw.columns))
        repeated = [name for name, count in counts.items() if count > 1]
        raise DataError(
            f"Several columns have one name: {_names(repeated)}.",
            hint="Give each column a name of its own.",
        )
    return columns


def describe_dropped(columns: Iterable[Column]) -> list[str]:
    """Gives one line per reason for which columns were dropped."""
    by_reason: dict[str, list[str]] = {}
    for column in columns:
        by_reason.setdefault(column.reason, []).append(column.name)
    return [f"left out, {REASONS[key]}: {_names(names)}" for key, names in by_reason.items()]


def _notes(read: Iterable[ReadColumn]) -> tuple[str, ...]:
    """Gives one line per kind of change, however many columns it concerns."""
    names: dict[str, list[str]] = {}
    totals: dict[str, int] = {}
    for one in read:
        for message, count in one.changes:
            names.setdefault(message, []).append(one.column.name)
            totals[message] = totals.get(message, 0) + count
    lines = [
        f"{f'{totals[message]} ' if totals[message] else ''}{message}: {_names(columns)}"
        for message, columns in names.items()
    ]
    more = len(lines) - _MAX_LINES
    return tuple([*lines[:_MAX_LINES], f"and {more} more kinds of change"] if more > 0 else lines)


def _names(names: list[str]) -> str:
    shown = ", ".join(show_name(name) for name in names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown
