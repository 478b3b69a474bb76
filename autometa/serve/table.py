"""Reads the body of a request into columns of plain values, and refuses what is no table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from autometa.serve.faults import BadRequestError, show

JSON = "application/json"
CSV = "text/csv"

_ROWS = 'Send {"rows": [{"COLUMN": VALUE, ...}, ...]}.'


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as they were sent.

    Args:
        rows: Each a mapping of column name to a JSON value; texts when they came as CSV.
        lines: The line of the body at which each row ends, for CSV; None for JSON.
    """

    rows: Sequence[dict[str, Any]]
    lines: Sequence[int] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, index: int) -> str:
        """Names a row as its sender can find it."""
        return f"rows[{index}]" if self.lines is None else f"line {self.lines[index]}"


def read_table(body: bytes, media_type: str, max_rows: int) -> Table:
    """Reads a body.

    Args:
        body: Bytes of the request.
        media_type: The header ``Content-Type``; parameters are ignored.
        max_rows: Most rows of one request.

    Raises:
        BadRequestError: If it is of no known type (415), cannot be read (400), is no table of
            rows (422), or has too many of them (413).
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind == JSON:
        table = _read_json(body)
    elif kind == CSV:
        table = _read_csv(body, max_rows)
    else:
        given = show(kind) if kind else "none"
        raise BadRequestError(
            f"the content type must be {JSON} or {CSV}, got {given}.",
            hint=f"Send the header Content-Type: {JSON}.",
            status=415,
        )
    if len(table) > max_rows:
        raise _too_many(max_rows)
    return table


def _too_many(max_rows: int) -> BadRequestError:
    return BadRequestError(
        f"a request may have {max_rows} rows.", hint="Send several requests.", status=413
    )


def _read_json(body: bytes) -> Table:
    try:
        data = json.loads(body, object_pairs_hook=_unique)
    except BadRequestError:
        raise
    except RecursionError as exc:
        raise BadRequestError("the JSON is nested too deeply.", hint=_ROWS) from exc
    except ValueError as exc:  # also of texts that are no UTF-8, and of numbers without an end
        raise BadRequestError(f"the body is no JSON: {exc}.", hint=_ROWS) from exc
    if not isinstance(data, dict) or not isinstance(data.get("rows"), list):
        raise BadRequestError("the body must be an object with rows.", hint=_ROWS, status=422)
    if len(data) > 1:
        other = next(key for key in data if key != "rows")
        raise BadRequestError(f"nothing is known of the key {show(other)}.", hint=_ROWS, status=422)
    for index, row in enumerate(data["rows"]):
        if not isinstance(row, dict):
            raise BadRequestError(
                f"rows[{index}] must be an object, got {show(row)}.", hint=_ROWS, status=422
            )
    # Half of a surrogate pair can only come as an escape, and is no text that could be encoded.
    if b"\\u" in body:
        _check_texts(data["rows"])
    return Table(data["rows"])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = _repeated(name for name, _ in pairs)
        raise BadRequestError(f"the name {show(twice)} stands twice in one object.")
    return found


def _check_texts(rows: Sequence[dict[str, Any]]) -> None:
    for index, row in enumerate(rows):
        for name, value in row.items():
            texts = (name, value) if isinstance(value, str) else (name,)
            try:
                "".join(texts).encode()
            except UnicodeEncodeError as exc:
                raise BadRequestError(
                    f"rows[{index}], column {show(name)}: {exc.reason} in a text.",
                    hint="A surrogate makes a character only in a pair.",
                ) from exc


def _read_csv(body: bytes, max_rows: int) -> Table:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise BadRequestError(f"the body is no UTF-8: {exc}.", hint="Encode it as UTF-8.") from exc
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise BadRequestError(f"line {line}: holds a NUL byte.")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            raise BadRequestError("the body is empty.", hint="Its first line names the columns.")
        _check_header(header)
        return _csv_rows(reader, header, max_rows)
    except csv.Error as exc:
        raise BadRequestError(f"line {reader.line_num}: {exc}.") from exc


def _csv_rows(reader: Any, header: list[str], max_rows: int) -> Table:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for line in reader:
        if not line and len(header) > 1:
            continue  # an empty line
        cells = line or [""]
        if len(cells) != len(header):
            raise BadRequestError(
                f"line {reader.line_num}: has {len(cells)} cells, the header has {len(header)}.",
                hint="Separate by commas, and quote cells that hold one.",
            )
        if len(rows) == max_rows:
            raise _too_many(max_rows)
        rows.append(dict(zip(header, cells, strict=True)))
        lines.append(reader.line_num)
    return Table(rows, lines)


def _check_header(header: list[str]) -> None:
    if len(set(header)) < len(header):
        twice = _repeated(header)
        raise BadRequestError(f"the column {show(twice)} stands twice in the header.")


def _repeated(names: Iterable[str]) -> str:
    """Gives the first that stands twice, in one pass: a body may have a million of them."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
