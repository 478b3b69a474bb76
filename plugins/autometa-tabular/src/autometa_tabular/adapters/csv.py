"""Separated text: finds out encoding and separator, and leaves every value as it was written."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from autometa import DataAdapter, DataError, Dataset, TaskError
from autometa_tabular.adapters.files import check_file, check_memory
from autometa_tabular.adapters.options import check_choice, check_options, sample_size
from autometa_tabular.adapters.packed import TextBytes, first_bytes, read_text, unpacked_size
from autometa_tabular.adapters.sampling import sample_batches
from autometa_tabular.adapters.tidy import check_unique, without_index

SEPARATORS = (",", ";", "\t", "|")
"""What is tried, in this order, where the option ``separator`` is not given."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "#N/A", "<NA>", "?")
"""What stands for a missing value, unless the option ``na_values`` says otherwise."""

_OPTIONS: Mapping[str, type] = {
    "separator": str,
    "decimal": str,
    "encoding": str,
    "on_bad_lines": str,
    "na_values": list,
    "sample_rows": int,
    "skip_lines": int,
}
_SNIFFED = 100  # records
_HEAD = 1 << 18  # bytes, at first
_BLOCK = 1 << 24  # bytes
_LONGEST = 2**31 - 1  # of a field
# Peak memory of reading and preparing, measured on numbers, single digits, words and long texts.
_MEMORY_PER_BYTE = 5
_MEMORY_PER_CELL = 24


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the text is laid out.

    Args:
        separator: One character.
        names: Of the columns.
        header_lines: Number of lines up to the end of the names.
        skipped: Number of lines before the names.
    """

    separator: str
    names: tuple[str, ...]
    header_lines: int
    skipped: int = 0


class CsvAdapter(DataAdapter):
    """Reads one file of separated text, also in gzip or a zip archive with one file in it.

    Options: ``separator``, ``decimal`` (``.`` or ``,``), ``encoding``, ``on_bad_lines``
    (``error`` or ``skip``), ``na_values`` (texts that mean missing, in place of `MISSING`),
    ``skip_lines`` (how many lines stand above the column names) and ``sample_rows`` (read so many
    random rows).
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        _check(options)
        path = Path(source)
        check_file(path)
        is_sampled = "sample_rows" in options
        if not is_sampled:
            check_memory(path, _memory_needed(path))
        text = read_text(path, options.get("encoding"), is_sampled=is_sampled)
        separator = options.get("separator")
        if separator is None and ".tsv" in path.suffixes[-2:]:
            separator = "\t"
        layout = _layout(path, text, separator, options.get("skip_lines", 0))
        notes = [*text.notes]
        table = _read(path, text, layout, options, notes)
        if table.num_rows == 0:
            raise _no_rows(path)
        _check_end(path, table, text)
        raw = table.to_pandas(types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get)
        return Dataset.from_frame(without_index(raw, notes), notes, decimal=options.get("decimal"))


def _no_rows(path: Path) -> DataError:
    return DataError(f"{path} has a header but no rows.", hint="Name another file as data.source.")


def _check_end(path: Path, table: pa.Table, text: TextBytes) -> None:
    """An open quote swallows the rest of the file, line ends and all, in silence."""
    last = table.column(table.num_columns - 1)[-1].as_py() or ""
    if last.endswith("\n") and not _last_line(text).endswith('"'):
        raise DataError(
            f"{path}: a quote that is never closed takes in the end of the file, from "
            f"{last[:20]!r} on.",
            hint="Close the quote.",
        )


def _last_line(text: TextBytes) -> str:
    with text.lines() as lines:
        (line,) = deque(lines, maxlen=1)
    return str(line).rstrip("\r\n")


def _check(options: Mapping[str, Any]) -> None:
    check_options(options, _OPTIONS, "csv")
    check_choice("on_bad_lines", options.get("on_bad_lines", "error"), ("error", "skip"))
    check_choice("decimal", options.get("decimal", "."), (".", ","))
    if len(options.get("separator", ",").encode()) != 1:
        check_choice("separator", options["separator"], (*SEPARATORS, "another ASCII character"))
    sample_size(options)
    if (skipped := options.get("skip_lines", 0)) < 0:
        raise TaskError(f"must not be negative, but is {skipped}.", key="data.options.skip_lines")


def _memory_needed(path: Path) -> float:
    head = first_bytes(path, _HEAD)
    n_cells = sum(head.count(end.encode()) for end in (*SEPARATORS, "\n"))
    cells_per_byte = n_cells / max(1, len(head))
    return unpacked_size(path) * (_MEMORY_PER_BYTE + _MEMORY_PER_CELL * cells_per_byte)


def _layout(path: Path, text: TextBytes, separator: str | None, skipped: int) -> _Layout:
    size = _HEAD
    while True:
        head, is_all = text.head(size)
        head = "".join(islice(_lines(head), skipped, None))
        records = _whole_records(head, separator or ",", is_all=is_all)
        if records or is_all:
            break
        size *= 4
    if not records:
        raise DataError(f"{path} is empty.", hint="Name another file as data.source.")
    if is_all and len(records) == 1:
        raise _no_rows(path)
    separator = separator or _sniff(head, is_all=is_all)
    records = _whole_records(head, separator, is_all=is_all)
    lines, names = records[0]
    _check_title(path, records, skipped)
    check_unique(str(path), names)
    return _Layout(separator, tuple(names), lines + skipped, skipped)


def _check_title(path: Path, records: Sequence[tuple[int, list[str]]], skipped: int) -> None:
    """Refuses a first line that is a title, with gaps where names should be.

    Raises:
        DataError: Says below which line the names seem to stand.
    """
    (_, names), *others = records
    n_unnamed = names.count("")
    if n_unnamed < 2:
        return
    width, _ = Counter(len(row) for _, row in others).most_common(1)[0] if others else (0, 0)
    ends = [line + skipped for line, _ in records]
    whole = (ends[i] for i, (_, row) in enumerate(others) if len(row) == width and all(row))
    hint = "Name each column."
    if below := next(whole, None):
        skipping = f"data.options.skip_lines: {below}"
        hint = f"If they stand below line {below}, set {skipping}; else name each one."
    raise DataError(
        f"{path}: {n_unnamed} of {len(names)} columns have no name in line {skipped + 1}.",
        hint=hint,
    )


def _whole_records(head: str, separator: str, *, is_all: bool) -> list[tuple[int, list[str]]]:
    """Gives the first records with the number of the line each ends in; a cut one is left out."""
    reader = csv.reader(_lines(head), delimiter=separator)
    try:
        found = [(reader.line_num, row) for row in islice(reader, _SNIFFED + 1) if row]
    except csv.Error:
        return []
    ends_whole = is_all or len(found) > _SNIFFED or head.endswith("\n")
    return (found if ends_whole else found[:-1])[:_SNIFFED]


def _lines(text: str) -> Iterator[str]:
    """Gives the lines with their ends; other separators of Unicode do not end a line."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start : end + 1]
        start = end + 1
    if start < len(text):
        yield text[start:]


def _sniff(head: str, *, is_all: bool) -> str:
    """Gives the separator by which most records have as many fields as the header."""
    scores = {}
    for separator in SEPARATORS:
        records = _whole_records(head, separator, is_all=is_all)
        counts = [len(row) for _, row in records]
        if counts and counts[0] > 1:
            scores[separator] = (counts.count(counts[0]) / len(counts), counts[0])
    return max(scores, key=lambda separator: scores[separator]) if scores else ","


def _read(
    path: Path, text: TextBytes, layout: _Layout, options: Mapping[str, Any], notes: list[str]
) -> pa.Table:
    skipped: list[int] = []

    def on_ragged(row: pacsv.InvalidRow) -> str:
        skipped.append(row.actual_columns)
        return "error" if options.get("on_bad_lines", "error") == "error" else "skip"

    size = sample_size(options)
    try:
        with pacsv.open_csv(text.stream(), **_settings(layout, options, on_ragged)) as reader:
            if size is None:
                table = reader.read_all()
            else:
                table, n_rows = sample_batches(reader, size)
    except pa.ArrowInvalid as exc:
        raise _read_error(path, text, layout, exc) from exc
    if skipped:
        line, _ = _first_ragged(text, layout) or (0, 0)
        notes.append(
            f"rows with too many or too few fields were skipped: {len(skipped)}, the first in "
            f"line {line}"
        )
    if size is not None and n_rows > table.num_rows:
        notes.append(f"a random sample of {table.num_rows} of {n_rows} rows was read")
    return table


def _settings(layout: _Layout, options: Mapping[str, Any], on_ragged: Any) -> dict[str, Any]:
    return {
        "read_options": pacsv.ReadOptions(
            column_names=list(layout.names),
            skip_rows=layout.header_lines,
            block_size=_BLOCK,
            use_threads=False,
        ),
        "parse_options": pacsv.ParseOptions(
            delimiter=layout.separator, newlines_in_values=True, invalid_row_handler=on_ragged
        ),
        "convert_options": pacsv.ConvertOptions(
            column_types=dict.fromkeys(layout.names, pa.string()),
            null_values=["", *options["na_values"]] if "na_values" in options else list(MISSING),
            strings_can_be_null=True,
        ),
    }


def _read_error(path: Path, text: TextBytes, layout: _Layout, exc: Exception) -> DataError:
    ragged = _first_ragged(text, layout)
    if ragged is None:
        return DataError(f"{path} cannot be read: {exc}.", hint="Check quotes and separators.")
    line, n_fields = ragged
    hint = "Correct the line, or set data.options.on_bad_lines: skip."
    if len(layout.names) == 1:
        hint = (
            "If lines stand above the column names, say how many with data.options.skip_lines; "
            "or set data.options.separator."
        )
    return DataError(
        f"{path}, line {line}: {n_fields} fields where the header has {len(layout.names)}.",
        hint=hint,
    )


def _first_ragged(text: TextBytes, layout: _Layout) -> tuple[int, int] | None:
    """Gives line and number of fields of the first row that does not fit the header."""
    with text.lines() as lines:
        reader = csv.reader(islice(lines, layout.skipped, None), delimiter=layout.separator)
        previous = csv.field_size_limit(_LONGEST)
        try:
            start = layout.skipped + 1
            for row in reader:
                if row and len(row) != len(layout.names):
                    return start, len(row)
                start = layout.skipped + reader.line_num + 1
        except csv.Error:
            return None
        finally:
            csv.field_size_limit(previous)
    return None
