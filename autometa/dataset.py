"""What a data adapter gives: typed columns, the table as read, and what was changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from autometa.errors import DataError
from autometa.images import Images, Rows, as_images
from autometa.schema import Schema, read_table

__all__ = ["Dataset", "Schema"]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A frozen table.

    Args:
        frame: (n, k) canonical columns (see `Schema.apply`), without dropped ones.
        schema: What every column holds, dropped ones included.
        raw: (n, d) the table as it was read; labels stand here as they were written.
        notes: What was parsed or changed, one line each.
        read_notes: Those of `notes` that the adapter made.
        decimal: Decimal mark of numbers in texts as it was given, ``.`` or ``,``; else None.
        images: (n, h, w, c) uint8 where the rows are images; the columns then hold the target and
            what else is known of each, and are not learnt from.

    Example:
        >>> import pandas as pd
        >>> raw = pd.DataFrame({"size": ["1,5", "2"], "is_new": ["yes", "no"]})
        >>> dataset = Dataset.from_frame(raw)
        >>> [(column.name, column.kind) for column in dataset.schema]
        [('size', 'numeric'), ('is_new', 'boolean')]
        >>> dataset.frame["size"].tolist()
        [1.5, 2.0]
    """

    frame: pd.DataFrame
    schema: Schema
    raw: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = ()
    read_notes: tuple[str, ...] = ()
    decimal: str | None = None
    images: Images | None = field(default=None, repr=False)

    @classmethod
    def from_frame(
        cls,
        raw: pd.DataFrame,
        notes: Iterable[str] = (),
        *,
        schema: Schema | None = None,
        decimal: str | None = None,
    ) -> Dataset:
        """Gives the dataset of a raw table; this is what adapters call.

        Args:
            raw: (n, d) values of any dtype, also everything as texts. It is not copied and must
                not be changed afterwards.
            notes: What the adapter had to change, one line each.
            schema: How to read the columns; None = found out.
            decimal: Decimal mark of numbers in texts, ``.`` or ``,``; None = found out.

        Raises:
            DataError: If two columns have one name, cells hold lists, or a column of `schema`
                is missing.
        """
        found, frame, changes = read_table(raw, schema=schema, decimal=decimal)
        read_notes = tuple(notes)
        return cls(frame, found, raw, (*read_notes, *changes), read_notes, decimal)

    @classmethod
    def from_images(
        cls, images: np.ndarray[Any, Any], columns: pd.DataFrame, notes: Iterable[str] = ()
    ) -> Dataset:
        """Gives the dataset of images; this is what adapters of images call.

        Args:
            images: (n, h, w) or (n, h, w, c) uint8, with 1, 3 or 4 channels.
            columns: (n, d) what is known of each, such as its label.
            notes: What the adapter had to change, one line each.

        Raises:
            DataError: If the images have another shape or type, or there are more or fewer rows.
        """
        checked = as_images(images)
        if len(checked) != len(columns):
            raise DataError(
                f"there are {len(checked)} images, but {len(columns)} rows that tell of them.",
                hint="Give one row for each image, in the same order.",
            )
        return replace(cls.from_frame(columns, notes), images=checked)

    @property
    def modality(self) -> str:
        """``image`` or ``tabular``: by this learners are chosen."""
        return "tabular" if self.images is None else "image"

    @property
    def inputs(self) -> Rows:
        """What a loaded model folder predicts: the images, or the table as it was read."""
        return self.raw if self.images is None else self.images

    def raw_column(self, name: str) -> pd.Series[Any]:
        """Gives (n,) the values of a column as they were read.

        Raises:
            KeyError: If there is no such column.
        """
        names = [str(other) for other in self.raw.columns]
        if name not in names:
            raise KeyError(name)
        return self.raw.iloc[:, names.index(name)]

    def digest(self) -> str:
        """Gives the SHA-256 (hex) of names and values as read; equal in every process."""
        total = hashlib.sha256(json.dumps([len(self.raw), self.raw.shape[1]]).encode())
        for name, values in self.raw.items():
            total.update(json.dumps(str(name)).encode())
            for part in _content(values):
                total.update(part)
        if self.images is not None:
            total.update(json.dumps(self.images.shape).encode())
            total.update(np.ascontiguousarray(self.images).data)
        return total.hexdigest()

    def __len__(self) -> int:
        return len(self.raw)


def _content(values: pd.Series[Any]) -> Iterable[Any]:
    """Gives the bytes that tell a column from every other one."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "biufmM":
        return values.dtype.str.encode(), np.ascontiguousarray(values.to_numpy()).view(np.uint8)
    texts = values
    if not isinstance(values.dtype, pd.StringDtype):
        texts = values.astype(object).map(str, na_action="ignore")
    array = pa.array(texts, type=pa.large_string(), from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    lengths = pc.fill_null(pc.binary_length(array), -1).to_numpy(zero_copy_only=False)
    filled = pc.fill_null(array, "")
    start, stop = (filled.offset, filled.offset + len(filled))
    offsets = np.frombuffer(filled.buffers()[1], dtype=np.int64)
    return lengths.tobytes(), memoryview(filled.buffers()[2])[offsets[start] : offsets[stop]]
