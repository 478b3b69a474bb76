"""Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from autometa import DataAdapter, DataError, Dataset
from autometa_tabular.adapters.files import check_file, check_memory
from autometa_tabular.adapters.options import check_options, sample_size
from autometa_tabular.adapters.sampling import sample_batches
from autometa_tabular.adapters.tidy import check_unique

# Decoded arrays, the frame as read and the typed frame stand side by side for a while.
_MEMORY_FACTOR = 4
_INDEX = "__index_level_0__"
_NULLABLE = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int8(): pd.Int8Dtype(),
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint8(): pd.UInt8Dtype(),
    pa.uint16(): pd.UInt16Dtype(),
    pa.uint32(): pd.UInt32Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


class ParquetAdapter(DataAdapter):
    """Reads one parquet file.

    Options: ``sample_rows`` (read so many random rows).
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, {"sample_rows": int}, "parquet")
        size = sample_size(options)
        path = Path(source)
        check_file(path)
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                return _read(path, file, size)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as exc:
            raise DataError(
                f"{path} is no readable parquet file: {exc}.",
                hint="Write it again, or name another adapter as data.adapter.",
            ) from exc


def _read(path: Path, file: pq.ParquetFile, size: int | None) -> Dataset:
    _check_columns(path, file.schema_arrow)
    if file.metadata.num_rows == 0:
        raise DataError(f"{path} has no rows.", hint="Name another file as data.source.")
    notes = []
    if size is None:
        groups = (file.metadata.row_group(i) for i in range(file.num_row_groups))
        check_memory(path, _MEMORY_FACTOR * sum(group.total_byte_size for group in groups))
        table = file.read()
    else:
        table, n_rows = sample_batches(file.iter_batches(), size)
        if n_rows > table.num_rows:
            notes.append(f"a random sample of {table.num_rows} of {n_rows} rows was read")
    if _INDEX in table.column_names:
        table = table.drop_columns([_INDEX])
        notes.append("the saved row index was left out")
    return Dataset.from_frame(_to_frame(table), notes)


def _check_columns(path: Path, schema: pa.Schema) -> None:
    check_unique(str(path), schema.names)
    for column in schema:
        if pa.types.is_nested(column.type):
            raise DataError(
                f"{path}: column {column.name!r} holds {column.type}, but one value per cell is "
                "needed.",
                hint="Flatten it into columns of its own, or leave it out.",
            )


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Gives plain pandas types; whole numbers and booleans with gaps stay what they are."""
    fields = [
        column.with_type(pa.timestamp("s")) if pa.types.is_date(column.type) else column
        for column in table.schema
    ]
    table = table.cast(pa.schema(fields))
    gaps = [
        column.name
        for column, values in zip(table.schema, table.columns, strict=True)
        if values.null_count and column.type in _NULLABLE
    ]
    plain: pd.DataFrame = table.drop_columns(gaps).to_pandas(ignore_metadata=True)
    if not gaps:
        return plain
    gappy = table.select(gaps).to_pandas(ignore_metadata=True, types_mapper=_NULLABLE.get)
    joined = pd.concat([plain, gappy], axis=1) if plain.shape[1] else gappy
    return pd.DataFrame(joined[table.column_names])
