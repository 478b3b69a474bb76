"""JSON: one object per line, or one array of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from autometa import DataAdapter, DataError, Dataset
from autometa_tabular.adapters.files import check_file, check_memory
from autometa_tabular.adapters.options import check_choice, check_options, sample_size
from autometa_tabular.adapters.packed import TextBytes, read_text, unpacked_size
from autometa_tabular.adapters.sampling import sample_batches

_OPTIONS: Mapping[str, type] = {"encoding": str, "on_bad_lines": str, "sample_rows": int}
_BATCH = 10_000  # lines
_HEAD = 1 << 12  # bytes
# Peak memory over the bytes of the text: the cells as Python objects, then as a typed frame.
_MEMORY_PER_BYTE = 8
_MEMORY_PER_BYTE_OF_ARRAY = 16  # all objects stand there at once


class JsonAdapter(DataAdapter):
    """Reads one file of JSON objects, one a line or all in one array, also in gzip or zip.

    Objects in objects become columns named by the path to them, ``user.age``. A key that an object
    lacks is a missing value.

    Options: ``encoding``, ``on_bad_lines`` (``error`` or ``skip``) and ``sample_rows`` (read so
    many random rows).
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, _OPTIONS, "json")
        check_choice("on_bad_lines", options.get("on_bad_lines", "error"), ("error", "skip"))
        size = sample_size(options)
        path = Path(source)
        check_file(path)
        text = read_text(path, options.get("encoding"), is_sampled=size is not None)
        notes = [*text.notes]
        is_array = text.head(_HEAD)[0].lstrip().startswith("[")
        if size is None or is_array:
            factor = _MEMORY_PER_BYTE_OF_ARRAY if is_array else _MEMORY_PER_BYTE
            check_memory(path, unpacked_size(path) * factor)
        columns = _Columns(path)
        if is_array:
            _read_array(text, columns, size, notes)
        else:
            is_lenient = options.get("on_bad_lines") == "skip"
            _read_lines(text, columns, size, notes, is_lenient=is_lenient)
        if columns.n_rows == 0:
            raise DataError(f"{path} has no rows.", hint="Name another file as data.source.")
        if columns.is_nested:
            notes.append("objects in objects were read as columns named by their path")
        return Dataset.from_frame(columns.frame(), notes)


@dataclass(slots=True)
class _Columns:
    """Grows by one object at a time.

    Args:
        path: For messages.
        values: (n_rows,) cells by column name, in the order of first appearance.
        n_rows: How many objects were taken in.
        is_nested: Whether some object held another.
    """

    path: Path
    values: dict[str, list[Any]] = field(default_factory=dict)
    n_rows: int = 0
    is_nested: bool = False

    def add(self, record: Any) -> None:
        """Takes in one object.

        Raises:
            ValueError: If it is none, or two of its cells have one name.
        """
        if not isinstance(record, dict):
            raise ValueError(f"{type(record).__name__} where an object like {{...}} is needed")  # noqa: TRY004
        flat = dict(self._flat(record)) if any(type(v) is dict for v in record.values()) else record
        for name, value in flat.items():
            column = self.values.get(name)
            if column is None:
                column = self.values[name] = [None] * self.n_rows
            column.append(value)
        self.n_rows += 1
        if len(flat) < len(self.values):
            for column in self.values.values():
                if len(column) < self.n_rows:
                    column.append(None)

    def _flat(self, record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
        for name, value in record.items():
            if isinstance(value, dict):
                self.is_nested = True
                yield from self._flat(value, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", value

    def frame(self) -> pd.DataFrame:
        """Gives (n_rows, k) cells."""
        if not self.values:
            raise DataError(
                f"{self.path} has objects without keys.", hint="Name another file as data.source."
            )
        # Whole numbers beyond int64 cannot be an integer array; as objects they are read as floats.
        return pd.DataFrame(
            {
                name: pd.Series(cells, dtype=object).infer_objects()
                for name, cells in self.values.items()
            }
        )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Builds an object; the standard one keeps the last of equal keys, in silence."""
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {repeated!r} stands there twice")
    return record


_parse = json.JSONDecoder(object_pairs_hook=_unique).decode


def _read_lines(
    text: TextBytes, columns: _Columns, size: int | None, notes: list[str], *, is_lenient: bool
) -> None:
    skipped: list[int] = []
    with text.lines() as lines:
        numbered = ((i, line) for i, line in enumerate(lines, 1) if not line.isspace())
        for number, line in _sampled(numbered, size, notes):
            try:
                columns.add(_parse(line))
            except (ValueError, RecursionError) as exc:
                if not is_lenient:
                    raise _bad_line(columns.path, number, exc) from exc
                skipped.append(number)
    if skipped:
        notes.append(
            f"lines that hold no object were skipped: {len(skipped)}, the first is line "
            f"{skipped[0]}"
        )


def _bad_line(path: Path, number: int, exc: Exception) -> DataError:
    what = exc.msg if isinstance(exc, json.JSONDecodeError) else str(exc)
    return DataError(
        f"{path}, line {number}: no JSON object: {what[:1].lower()}{what[1:]}.",
        hint="Correct the line, or set data.options.on_bad_lines: skip.",
    )


def _sampled(
    numbered: Iterator[tuple[int, str]], size: int | None, notes: list[str]
) -> Iterator[tuple[int, str]]:
    """Gives the lines with their numbers; a random sample of them, in order, if there is a size."""
    if size is None:
        yield from numbered
        return
    first = list(islice(numbered, _BATCH))
    if not first:
        return
    table, n_lines = sample_batches(_batches(first, numbered), size)
    if n_lines > table.num_rows:
        notes.append(f"a random sample of {table.num_rows} of {n_lines} rows was read")
    yield from zip(table["number"].to_pylist(), table["line"].to_pylist(), strict=True)


def _batches(
    first: list[tuple[int, str]], rest: Iterator[tuple[int, str]]
) -> Iterator[pa.RecordBatch]:
    batch = first
    while batch:
        numbers, lines = zip(*batch, strict=True)
        yield pa.record_batch(
            {"number": pa.array(numbers), "line": pa.array(lines, pa.large_string())}
        )
        batch = list(islice(rest, _BATCH))


def _read_array(text: TextBytes, columns: _Columns, size: int | None, notes: list[str]) -> None:
    with text.stream() as stream:
        content = stream.read().decode("utf-8")
    try:
        records = _parse(content)
    except json.JSONDecodeError as exc:
        raise DataError(
            f"{columns.path}, line {exc.lineno}: no JSON: {exc.msg[:1].lower()}{exc.msg[1:]}.",
            hint="Correct it.",
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise DataError(f"{columns.path}: {exc}.", hint="Correct it.") from exc
    if size is not None and len(records) > size:
        rows = pa.record_batch({"row": pa.array(range(len(records)))})
        kept = sample_batches([rows], size)[0]["row"].to_pylist()
        notes.append(f"a random sample of {size} of {len(records)} rows was read")
        records = [records[row] for row in kept]
    for position, record in enumerate(records):
        try:
            columns.add(record)
        except ValueError as exc:
            raise DataError(
                f"{columns.path}, item {position + 1}: {exc}.", hint="Correct it."
            ) from exc
