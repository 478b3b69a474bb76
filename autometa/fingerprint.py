"""By what the same data is recognised later, whatever its file or the order of its columns."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd

from autometa.images import Rows, row_hashes
from autometa.schema import Schema

N_HASHES = 64
"""Length of the MinHash signature of the rows."""


def column_signature(schema: Schema) -> str:
    """Gives a SHA-256 (hex) of names and kinds, whatever the order of the columns."""
    pairs = sorted([column.name, column.kind] for column in schema)
    return hashlib.sha256(json.dumps(pairs).encode()).hexdigest()


def image_signature(shape: tuple[int, ...]) -> str:
    """Gives a SHA-256 (hex) of the shape (h, w, c) of images."""
    return hashlib.sha256(json.dumps(["image", *shape]).encode()).hexdigest()


def describe_inputs(X: Rows, schema: Schema) -> dict[str, Any]:
    """Gives ``modality``, ``column_signature``, and of images ``image_shape``.

    Args:
        X: (n, d) columns of the schema, or (n, h, w, c) images.
        schema: Of the columns.
    """
    if isinstance(X, pd.DataFrame):
        return {"modality": "tabular", "column_signature": column_signature(schema)}
    shape = [int(size) for size in X.shape[1:]]
    return {
        "modality": "image",
        "image_shape": shape,
        "column_signature": image_signature(tuple(shape)),
    }


def row_minhash(X: Rows, y: np.ndarray[Any, Any]) -> list[int]:
    """Gives a MinHash of the rows: the share of equal entries estimates how many rows are shared.

    Args:
        X: (n, d) canonical columns, whose order does not matter; or (n, h, w, c) images.
        y: (n,) target.

    Returns:
        `N_HASHES` integers in [0, 2**32), equal in every process.

    Source:
        Broder, On the resemblance and containment of documents (1997); hashes by SplitMix64.
    """
    rows = pd.util.hash_array(y.astype(np.float64))
    if not isinstance(X, pd.DataFrame):
        return _minhash(rows + _mixed(row_hashes(X)))
    names = pd.util.hash_array(np.array([str(name) for name in X.columns], dtype=object))
    for name, (_, values) in zip(names, X.items(), strict=True):
        rows = rows + _mixed(_column_hash(values) ^ name)
    return _minhash(rows)


def _minhash(rows: np.ndarray[Any, Any]) -> list[int]:
    steps = np.arange(N_HASHES, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return [int(_mixed(rows + step).min() >> np.uint64(32)) for step in steps]


def _column_hash(values: pd.Series[Any]) -> np.ndarray[Any, Any]:
    if values.dtype == "boolean":
        values = values.astype("float64")
    elif values.dtype == "string":
        values = values.astype(object)
    return np.asarray(
        pd.util.hash_array(values.array if values.dtype == "category" else values.to_numpy())
    )


def _mixed(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """SplitMix64's finaliser; uint64 arrays wrap around."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))
