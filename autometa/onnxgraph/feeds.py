"""Rows as the inputs of a file that `OnnxGraph` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.columns import FLOAT32_MAX, read_numbers
from autometa.onnxgraph.nodes import IMAGES

if TYPE_CHECKING:
    import pandas as pd

    from autometa.images import Rows

BATCH_ROWS, BATCH_IMAGES = 512, 32
"""Rows, or images, that a file computes at once."""


def columns_of(session: Any) -> list[dict[str, str]]:
    """Gives ``column``, ``input`` and ``kind`` of each input of an ``InferenceSession``."""
    columns: list[dict[str, str]] = json.loads(
        session.get_modelmeta().custom_metadata_map["columns"]
    )
    return columns


def image_shape_of(session: Any) -> tuple[int, ...] | None:
    """Gives (h, w, c) of the images that an ``InferenceSession`` takes; None = columns."""
    found = session.get_modelmeta().custom_metadata_map.get("image_shape")
    return None if found is None else tuple(json.loads(found))


def feeds_of(columns: Sequence[Mapping[str, str]], X: pd.DataFrame) -> dict[str, Any]:
    """Gives the inputs for rows.

    Args:
        columns: As `columns_of` gives them.
        X: (n, d) canonical columns, see `Schema.apply`.

    Returns:
        By input (n, 1): float32, NaN = missing; int64 microseconds since 1970-01-01 UTC of dates,
        the least = missing; or texts, "" = missing. Numbers beyond float32 become its largest,
        infinite ones missing.
    """
    feeds = {}
    for column in columns:
        series = X[column["column"]]
        if column["kind"] == "text":
            texts = series.astype(object).where(series.notna(), "")
            feeds[column["input"]] = np.array(texts, dtype=object)[:, None]
        elif column["kind"] == "date":
            moments = np.asarray(series.to_numpy(dtype="datetime64[us]"))
            feeds[column["input"]] = moments.astype(np.int64)[:, None]
        else:
            values = read_numbers(series, "value")
            bounded = np.clip(values, -FLOAT32_MAX, FLOAT32_MAX)
            bounded[np.isinf(values)] = np.nan
            feeds[column["input"]] = bounded.astype(np.float32)[:, None]
    return feeds


def run_batches(
    session: Any, outputs: Sequence[str], feeds: Mapping[str, Any]
) -> list[np.ndarray[Any, Any]]:
    """Gives the outputs for any number of rows, `BATCH_ROWS` at a time.

    Nodes between may be far wider than a row: as wide as there are training rows, if the distance
    to each of them is computed. So memory does not grow with the rows. A file that takes a single
    row gets one at a time.

    Args:
        session: An ``InferenceSession``.
        outputs: Their names.
        feeds: As `feeds_of` gives them; at least one row.
    """
    n_rows, step = len(next(iter(feeds.values()))), BATCH_ROWS
    if n_rows == 1:  # fits every file, so the session need not be asked for its inputs
        return list(session.run(outputs, dict(feeds)))
    if set(feeds) == {IMAGES} and feeds[IMAGES].ndim == 4:
        step = BATCH_IMAGES
    if session.get_inputs()[0].shape[0] == 1:
        step = 1
    if n_rows <= step and n_rows:
        return list(session.run(outputs, dict(feeds)))
    if not n_rows and step == 1:
        found = {output.name: output.shape[1:] for output in session.get_outputs()}
        return [np.zeros((0, *found[name])) for name in outputs]
    parts = [
        session.run(outputs, {key: feed[at : at + step] for key, feed in feeds.items()})
        for at in range(0, max(1, n_rows), step)
    ]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def open_session(path: str) -> Any:
    """Opens a file on one thread.

    Raises:
        ImportError: If onnxruntime is not installed.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class OnnxFile:
    """A file that takes raw columns, or images, opened on one thread.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._session = open_session(str(path))
        self.columns = columns_of(self._session)
        self.image_shape = image_shape_of(self._session)

    def feeds(self, raw: Rows) -> dict[str, Any]:
        """Gives the inputs for raw rows, see `feeds_of`, or for (n, h, w, c) images."""
        return {IMAGES: raw} if isinstance(raw, np.ndarray) else feeds_of(self.columns, raw)

    def predict(self, raw: Rows) -> dict[str, np.ndarray[Any, Any]]:
        """Gives the outputs by name, for raw rows or images."""
        return self.run(self.feeds(raw))

    def run(self, feeds: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
        """Gives the outputs by name, for what `feeds` gave."""
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, run_batches(self._session, names, feeds), strict=True))

    def average(self, X: Rows) -> np.ndarray[Any, Any]:
        """Gives (n,) values or (n, n_classes) probabilities of canonical rows or images."""
        outputs = self.predict(raw_rows(X))
        return outputs["value"][:, 0] if "value" in outputs else outputs["probabilities"]


def raw_rows(X: Rows) -> Any:
    """Gives canonical rows as somebody may hand them over: categories as texts; images stay."""
    import pandas as pd

    if isinstance(X, np.ndarray):
        return X

    def raw(series: pd.Series[Any]) -> Any:
        if str(series.dtype) != "category":
            return series
        return series.astype(object).where(series.notna(), None)

    return pd.DataFrame({name: raw(X[name]) for name in X.columns})
