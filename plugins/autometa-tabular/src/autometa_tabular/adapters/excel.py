"""Excel workbooks: one sheet of them."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from autometa import DataAdapter, DataError, Dataset, TaskError
from autometa_tabular.adapters.files import check_file, check_memory
from autometa_tabular.adapters.options import check_options, sample_size
from autometa_tabular.adapters.tidy import check_unique, without_index

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_OPTIONS: Mapping[str, type] = {"sheet": str, "header_row": int, "sample_rows": int}
_ERRORS = frozenset(
    {"#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#GETTING_DATA"}
)
_OLD = b"\xd0\xcf\x11\xe0"  # how .xls files start, and encrypted .xlsx files too
_MEMORY_PER_BYTE = 4  # over the bytes of the unpacked sheets
_SEED = 0
# What openpyxl raises on damaged files (by trial: it documents none); parse errors of XML are
# syntax errors.
_DAMAGES = (
    *(OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error),
)
_Row: TypeAlias = tuple[int, tuple[Any, ...]]


class ExcelAdapter(DataAdapter):
    """Reads one sheet of a workbook, values as Excel last computed them.

    Options: ``sheet`` (its name; by default the first one that holds something), ``header_row``
    (number of the row with the column names; by default the first one that is not empty) and
    ``sample_rows`` (keep so many random rows).
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        if type(options.get("sheet")) is int:  # {sheet: 2024} means the name
            options = {**options, "sheet": str(options["sheet"])}
        check_options(options, _OPTIONS, "excel")
        size = sample_size(options)
        path = Path(source)
        check_file(path)
        if _starts_old(path):
            raise DataError(
                f"{path} is an old .xls file, or protected by a password.",
                hint="Save it as .xlsx without a password.",
            )
        check_memory(path, _unpacked(path) * _MEMORY_PER_BYTE)
        notes: list[str] = []
        book = _open(path)
        try:
            rows = _rows(book, options, path, notes)
        finally:
            book.close()
        raw = _frame(path, rows, options.get("header_row"), notes)
        if size is not None and len(raw) > size:
            notes.append(f"a random sample of {size} of {len(raw)} rows was kept")
            raw = raw.sample(size, random_state=_SEED).sort_index().reset_index(drop=True)
        return Dataset.from_frame(raw, notes)


def _starts_old(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_OLD)) == _OLD


def _unpacked(path: Path) -> float:
    try:
        with zipfile.ZipFile(path) as archive:
            return float(sum(member.file_size for member in archive.infolist()))
    except zipfile.BadZipFile as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, exc: Exception) -> DataError:
    reason = str(exc).partition("\n")[0] or type(exc).__name__
    return DataError(
        f"{path} is no readable workbook: {reason}.", hint="Save it again as .xlsx, or as .csv."
    )


def _open(path: Path) -> Workbook:
    from openpyxl import load_workbook

    try:
        with _silent():
            return load_workbook(path, read_only=True, data_only=True)
    except _DAMAGES as exc:
        raise _unreadable(path, exc) from exc


@contextmanager
def _silent() -> Iterator[None]:
    """Keeps silent about formats and extensions, of which openpyxl warns: they are no values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _rows(book: Workbook, options: Mapping[str, Any], path: Path, notes: list[str]) -> list[_Row]:
    """Gives the rows of the chosen sheet that are not empty, with their numbers."""
    names = [sheet.title for sheet in book.worksheets]
    wanted = options.get("sheet")
    if wanted is not None and wanted not in names:
        near = get_close_matches(wanted, names, n=1)
        known = f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(map(repr, names))}."
        raise TaskError(
            f"{path.name} has no sheet {wanted!r}.", key="data.options.sheet", hint=known
        )
    for sheet in book.worksheets:
        if wanted not in (None, sheet.title):
            continue
        try:
            with _silent():
                sheet.reset_dimensions()  # what the file says of its size may be wrong
                rows = list(_filled(sheet))
        except _DAMAGES as exc:
            raise _unreadable(path, exc) from exc
        if rows:
            if wanted is None and len(names) > 1:
                notes.append(f"sheet {sheet.title!r} of {len(names)} was read")
            return rows
    raise DataError(f"{path} has no rows.", hint="Name another file, or data.options.sheet.")


def _filled(sheet: Any) -> Iterator[_Row]:
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if any(value is not None for value in row):
            yield number, row


def _frame(path: Path, rows: list[_Row], header: int | None, notes: list[str]) -> pd.DataFrame:
    first = next((i for i, (number, _) in enumerate(rows) if header in (None, number)), None)
    if first is None:
        raise TaskError(f"row {header} of {path.name} is empty.", key="data.options.header_row")
    body = [row for _, row in rows[first + 1 :]]
    if not body:
        raise DataError(f"{path} has a header but no rows.", hint="Name another file or sheet.")
    width = max(map(len, (row for _, row in rows[first:])))
    padded = [row + (None,) * (width - len(row)) for row in body]
    cells = pd.DataFrame(padded, dtype=object)
    names = _names(rows[first][1] + (None,) * (width - len(rows[first][1])), cells, notes)
    check_unique(str(path), [name for name in names if name is not None])
    cells = cells.loc[:, [name is not None for name in names]]
    cells.columns = pd.Index([name for name in names if name is not None], dtype=object)
    wrong = cells.isin(_ERRORS)
    if n_wrong := int(wrong.to_numpy().sum()):
        notes.append(f"{n_wrong} cells with an error such as #N/A became missing")
        cells = cells.mask(wrong, None)
    return without_index(cells.infer_objects(), notes)


def _names(header: tuple[Any, ...], cells: pd.DataFrame, notes: list[str]) -> list[str | None]:
    """Gives the name of each column; None for one without name and values."""
    from openpyxl.utils import get_column_letter

    names: list[str | None] = []
    nameless = []
    for position, name in enumerate(header):
        if name is not None:
            names.append(str(name))
        elif cells[position].isna().all():
            names.append(None)
        elif position == 0:
            names.append("")  # a saved index, perhaps
        else:
            nameless.append(get_column_letter(position + 1))
            names.append(nameless[-1])
    if nameless:
        notes.append(f"columns without a name are called by their letter: {', '.join(nameless)}")
    return names
