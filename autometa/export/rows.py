"""Rows on which a file is compared with its source: real ones, and what may come one day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.columns import Column
from autometa.onnxgraph.feeds import raw_rows

if TYPE_CHECKING:
    import pandas as pd

    from autometa.images import Images
    from autometa.schema import Schema

UNSEEN = "\u2603 never seen"
_MOMENTS = (
    "0001-01-01",
    "1582-10-15",
    "1600-02-29T12:00",
    "1700-03-01",
    "1899-12-31T23:59:59.999999",
    "1900-02-28T23:59",
    "1900-03-01",
    "1969-12-31T23:59:59.999999",
    "1970-01-01",
    "2000-02-29T23:00",
    "2023-02-28",
    "2024-02-29",
    "2024-12-31T23:59:59.999999",
    "2100-02-28",
    "2100-03-01",
    "2200-04-30T06:30",
    "9999-12-31T23:59:59.999999",
)
_EXTREMES = (0.0, -0.0, 1e-40, 1e-3, 1.0, 1e6, 3.4e38, 1e300, float("inf"))


def edge_rows(schema: Schema, X: pd.DataFrame | None, *, n_rows: int = 64) -> pd.DataFrame:
    """Gives raw rows that are missing, unseen or extreme, wholly or in some cells.

    Args:
        schema: The input columns.
        X: Canonical rows to draw ordinary cells from; None: they are drawn from the schema, numbers
            from a wide range.
        n_rows: How many of each kind; the same in every process.
    """
    import pandas as pd

    rng = np.random.default_rng(0)
    kept = [column for column in schema if column.kind != "dropped"]
    usual = pd.DataFrame({c.name: _usual(c, X, rng, 3 * n_rows) for c in kept})
    strange = pd.DataFrame({c.name: _strange(c, rng, 3 * n_rows) for c in kept})
    gone = pd.DataFrame({c.name: _gone(c, 1) for c in kept})
    mixed = usual.copy()
    gaps = pd.DataFrame({c.name: _gone(c, 3 * n_rows) for c in kept})
    for column in kept:
        draw = rng.random(3 * n_rows)
        values = mixed[column.name].where(draw < 0.6, strange[column.name])
        mixed[column.name] = values.where(draw < 0.8, gaps[column.name])
    return pd.concat([usual.iloc[:n_rows], strange.iloc[:n_rows], mixed, gone], ignore_index=True)


def edge_images(shape: Sequence[int], *, n_rows: int = 8) -> Images:
    """Gives images that are black, white, striped, of one grey each, and of noise.

    Args:
        shape: (h, w, c).
        n_rows: How many grey ones and how many of noise; the same in every process.
    """
    rng = np.random.default_rng(0)
    flat = np.full((n_rows + 2, *shape), 0, dtype=np.uint8)
    flat += np.linspace(0, 255, n_rows + 2).astype(np.uint8).reshape(-1, 1, 1, 1)
    stripes = np.zeros((2, *shape), dtype=np.uint8)
    stripes[0, ::2], stripes[1, :, ::2] = 255, 255
    noise = rng.integers(0, 256, (n_rows, *shape), dtype=np.uint8)
    return np.concatenate([flat, stripes, noise])


def _usual(column: Column, X: pd.DataFrame | None, rng: np.random.Generator, n: int) -> Any:
    import pandas as pd

    if X is not None and len(X):
        rows = raw_rows(X[[column.name]].iloc[rng.integers(len(X), size=n)])
        return rows[column.name].reset_index(drop=True)
    if column.kind == "categorical":
        return pd.Series(
            np.array([*column.categories, UNSEEN], dtype=object)[
                rng.integers(len(column.categories) + 1, size=n)
            ]
        )
    if column.kind == "boolean":
        return pd.Series(rng.random(n) < 0.5, dtype="boolean")
    if column.kind == "numeric":
        return pd.Series(rng.normal(size=n) * 10.0 ** rng.uniform(-3, 6, size=n))
    if column.kind == "date":
        return pd.Series(rng.integers(-(2**53), 2**53, size=n).astype("datetime64[us]"))
    return _gone(column, n)


def _strange(column: Column, rng: np.random.Generator, n: int) -> Any:
    import pandas as pd

    if column.kind == "categorical":
        return pd.Series([UNSEEN] * n, dtype=object)
    if column.kind == "numeric":
        return pd.Series(rng.choice(_EXTREMES, size=n) * rng.choice([-1.0, 1.0], size=n))
    if column.kind == "date":
        return pd.Series(rng.choice(np.array(_MOMENTS, dtype="datetime64[us]"), size=n))
    return _gone(column, n)


def _gone(column: Column, n: int) -> Any:
    import pandas as pd

    kinds = {"numeric": "float64", "boolean": "boolean", "date": "datetime64[us]"}
    return pd.Series([None] * n, dtype=kinds.get(column.kind, object))
