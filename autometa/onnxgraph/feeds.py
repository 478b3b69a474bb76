"""Rows as the inputs of a file that `OnnxGraph` wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.columns import FLOAT32_MAX, read_numbers

if TYPE_CHECKING:
    import pandas as pd


def columns_of(session: Any) -> list[dict[str, str]]:
    """Gives ``column``, ``input`` and ``kind`` of each input of an ``InferenceSession``."""
    columns: list[dict[str, str]] = json.loads(
        session.get_modelmeta().custom_metadata_map["columns"]
    )
    return columns


def feeds_of(columns: Sequence[Mapping[str, str]], X: pd.DataFrame) -> dict[str, Any]:
    """Gives the inputs for rows.

    Args:
        columns: As `columns_of` gives them.
        X: (n, d) canonical columns, see `Schema.apply`.

    Returns:
        By input (n, 1) float32, NaN = missing, or texts, "" = missing. Numbers beyond float32
        become its largest, infinite ones missing.
    """
    feeds = {}
    for column in columns:
        series = X[column["column"]]
        if column["kind"] == "text":
            texts = series.astype(object).where(series.notna(), "")
            feeds[column["input"]] = np.array(texts, dtype=object)[:, None]
        else:
            values = read_numbers(series, "value")
            bounded = np.clip(values, -FLOAT32_MAX, FLOAT32_MAX)
            bounded[np.isinf(values)] = np.nan
            feeds[column["input"]] = bounded.astype(np.float32)[:, None]
    return feeds


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
