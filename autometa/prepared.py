"""The prepared folder: what every job reads, memory-mapped.

``table.arrow`` (features, Arrow IPC) or ``images.npy``, ``target.npy``, ``folds.npy``, and
``prepared.json``, which is written last: a folder without it is not complete. Rows without a target
that are to be used lie apart, in files that begin with ``unlabelled-``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from autometa.columns import Column, Values, typed_array
from autometa.errors import StorageError
from autometa.images import Images, Rows, thumbnails
from autometa.schema import Schema
from autometa.split import Split

TABLE, IMAGES = "table.arrow", "images.npy"
TARGET, FOLDS, INFO = "target.npy", "folds.npy", "prepared.json"
APART = "unlabelled-"

# A frame of views costs a block per column, which makes taking rows slow when there are many.
_MOST_VIEWS = 256


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Rows without a target.

    Args:
        X: (n, d) canonical feature columns, or (n, h, w, c) images.
        split: `Split.train_rows` says which of them a fold may learn from; none is ever scored.
    """

    X: Rows
    split: Split


@dataclass(frozen=True, slots=True)
class Prepared:
    """A prepared table, shared by all jobs of a process: take rows from it, do not change it.

    Args:
        X: (n, d) canonical feature columns, or (n, h, w, c) images, test part included. Its
            numbers are read-only; rows that `autometa.images.take` gives are a copy.
        y: (n,) read-only int64 class indices or float64 values.
        split: The part of each row.
        n_classes: Number of classes, None for regression.
        classes: Labels as the user wrote them, by index; () for regression.
        info: What `autometa.prepare.prepare` returned.
        unlabelled: Rows without a target that folds may learn from; None = there are none, or
            the task does not ask for them.
    """

    X: Rows
    y: np.ndarray[Any, Any]
    split: Split
    n_classes: int | None
    classes: tuple[str, ...]
    info: Mapping[str, Any]
    unlabelled: Unlabelled | None = None

    @property
    def schema(self) -> Schema:
        """The feature columns."""
        return Schema.from_json(self.info["schema"])

    @property
    def table(self) -> pd.DataFrame:
        """X where it is a table, else its thumbnails (`autometa.images.thumbnails`)."""
        return self.X if isinstance(self.X, pd.DataFrame) else thumbnails(self.X)


def write_prepared(
    folder: Path,
    X: Rows,
    y: np.ndarray[Any, Any],
    split: Split,
    info: Mapping[str, Any],
    *,
    unlabelled: Unlabelled | None = None,
) -> None:
    """Writes a prepared folder, each file whole or not at all.

    Args:
        folder: An existing folder.
        X: (n, d) canonical columns of ``info["schema"]``, or (n, h, w, c) images.
        y: (n,) target.
        split: The part of each row.
        info: JSON object.
        unlabelled: Rows without a target, as many as ``info["n_unlabelled"]``.

    Raises:
        StorageError: If it cannot be written.
    """
    schema = Schema.from_json(info["schema"])
    text = json.dumps(info, ensure_ascii=False).encode("utf-8", "surrogatepass")
    files: dict[str, Callable[[BinaryIO], object]] = {
        **_writing(schema, X, split),
        TARGET: lambda file: np.save(file, y),
    }
    if unlabelled is not None:
        apart = _writing(schema, unlabelled.X, unlabelled.split)
        files |= {f"{APART}{name}": write for name, write in apart.items()}
    files[INFO] = lambda file: file.write(text)
    try:
        for name, write in files.items():
            _write_whole(folder / name, write)
    except OSError as exc:
        raise StorageError(
            f"Cannot write the prepared data to {folder}: {exc.strerror or exc}.",
            hint="Free some space, or make the folder writable.",
        ) from exc


def _writing(schema: Schema, X: Rows, split: Split) -> dict[str, Callable[[BinaryIO], object]]:
    folds = {FOLDS: lambda file: np.save(file, split.codes.astype(np.int32))}
    if isinstance(X, pd.DataFrame):
        return {TABLE: lambda file: _write_table(file, schema, X), **folds}
    return {IMAGES: lambda file: np.save(file, X), **folds}


def _write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_table(file: BinaryIO, schema: Schema, X: pd.DataFrame) -> None:
    arrays = [_to_arrow(column, X[column.name]) for column in schema]
    batch = pa.RecordBatch.from_arrays(arrays, names=[column.name for column in schema])
    with pa.ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def _to_arrow(column: Column, values: pd.Series[Any]) -> pa.Array:
    match column.kind:
        case "numeric":
            return pa.array(values.to_numpy())  # NaN stays a number, so that reading copies nothing
        case "categorical":
            codes = values.cat.codes.to_numpy().astype(np.int32)
            texts = pa.array(list(column.categories), pa.large_string())
            return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), texts)
        case "text":
            return pa.array(values.array.to_numpy(dtype=object, na_value=None), pa.large_string())
        case _:
            return pa.array(values, from_pandas=True)


def open_prepared(folder: Path | str) -> Prepared:
    """Opens a prepared folder; the last two stay open in each process.

    Raises:
        StorageError: If it is missing, incomplete or unreadable.
    """
    path = Path(folder)
    try:
        stamp = (path / INFO).stat().st_mtime_ns
        return _open(str(path), stamp)
    except (OSError, pa.ArrowInvalid, ValueError, KeyError) as exc:
        raise StorageError(
            f"Cannot read the prepared data in {path}: {exc}.",
            hint="Run the task again with --fresh.",
        ) from exc


@lru_cache(maxsize=2)
def _open(folder: str, stamp: int) -> Prepared:
    """Opens it; `stamp`, when it was written, is a key of the cache."""
    path = Path(folder)
    info = json.loads((path / INFO).read_bytes().decode("utf-8", "surrogatepass"))
    classes = tuple(info["classes"])
    y = np.load(path / TARGET, mmap_mode="r")
    X, split = _read_inputs(path, info)
    n_classes = len(classes) if info["problem"] == "classification" else None
    apart = Unlabelled(*_read_inputs(path, info, APART)) if info.get("n_unlabelled") else None
    return Prepared(X, y, split, n_classes, classes, info, apart)


def _read_inputs(path: Path, info: Mapping[str, Any], prefix: str = "") -> tuple[Rows, Split]:
    split = Split(info["split"], np.load(path / f"{prefix}{FOLDS}").astype(np.int64))
    if info.get("modality") == "image":
        images: Images = np.load(path / f"{prefix}{IMAGES}", mmap_mode="r")
        return images, split
    return _read_table(path / f"{prefix}{TABLE}", Schema.from_json(info["schema"])), split


def _read_table(path: Path, schema: Schema) -> pd.DataFrame:
    # As bytes: a text is encoded as UTF-8, whatever the locale is.
    with pa.memory_map(os.fsencode(path)) as file:
        batch = pa.ipc.open_file(file).get_batch(0)
    columns = {
        column.name: _from_arrow(column, batch.column(position))
        for position, column in enumerate(schema)
    }
    index = pd.RangeIndex(batch.num_rows)
    return pd.DataFrame(columns, index=index, copy=len(columns) > _MOST_VIEWS)


def _from_arrow(column: Column, array: pa.Array) -> Values:
    match column.kind:
        case "numeric":
            return array.to_numpy(zero_copy_only=True)
        case "categorical":
            codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            return typed_array(column, codes)
        case "boolean":
            codes = array.cast(pa.int8()).fill_null(-1).to_numpy(zero_copy_only=False)
            return typed_array(column, codes)
        case "text":
            return typed_array(column, array.to_pandas())
        case _:
            return array.to_numpy(zero_copy_only=False)
