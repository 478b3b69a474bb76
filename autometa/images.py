"""Rows that are images instead of columns: uint8 arrays (n, height, width, channels)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from autometa.errors import DataError

Images: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Rows: TypeAlias = "pd.DataFrame | Images"
"""What a learner learns from: typed columns, or images."""

THUMBNAIL = 8
"""Height and width to which images are averaged where a table is wanted."""

CHANNELS = (1, 3, 4)
_BLOCK = 1024  # images that are widened to float64 together


def take(X: Rows, positions: np.ndarray[Any, Any]) -> Any:
    """Gives some rows of a table or of images, as a copy.

    Args:
        X: (n, d) columns, or (n, h, w, c) images.
        positions: (m,) indices.
    """
    return X.iloc[positions] if isinstance(X, pd.DataFrame) else X[positions]


def taken(X: Rows, positions: np.ndarray[Any, Any]) -> Rows:
    """Gives some rows as `take` does, a table with a new index."""
    rows: Rows = take(X, positions)
    return rows.reset_index(drop=True) if isinstance(rows, pd.DataFrame) else rows


def stacked(first: Rows, second: Rows) -> Rows:
    """Gives the rows of both, one after the other; they are of one kind."""
    if isinstance(first, pd.DataFrame) and isinstance(second, pd.DataFrame):
        return pd.concat([first, second], ignore_index=True)
    return np.concatenate([first, second])


def as_images(values: np.ndarray[Any, Any]) -> Images:
    """Gives (n, h, w, c) of (n, h, w) or (n, h, w, c).

    Raises:
        DataError: If the shape is another, or the type is not uint8.
    """
    images = values[..., None] if values.ndim == 3 else values
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in CHANNELS:
        raise DataError(
            f"images must be uint8 of the shape (n, height, width) or (n, height, width, "
            f"channels) with 1, 3 or 4 channels, but are {values.dtype} {values.shape}.",
            hint="Scale them to 0..255 and save them as uint8.",
        )
    if 0 in images.shape[1:]:
        raise DataError(f"images of the shape {images.shape[1:]} have no pixels.")
    return images


def require_shape(values: Any, shape: tuple[int, ...]) -> Images:
    """Gives images, checked to be what a model was trained on.

    Args:
        values: (n, h, w) or (n, h, w, c).
        shape: (h, w, c) of the training images.

    Raises:
        DataError: If they are of another shape or type.
    """
    if not isinstance(values, np.ndarray):
        raise DataError(
            f"the model predicts images, but got {type(values).__name__}.",
            hint=f"Give a uint8 array of the shape (n, {', '.join(map(str, shape))}).",
        )
    images = as_images(values)
    if images.shape[1:] != tuple(shape):
        raise DataError(
            f"images must have the shape {tuple(shape)} like those the model was trained on, but "
            f"have {images.shape[1:]}.",
            hint="Scale them to that size.",
        )
    return images


def data_size(info: Mapping[str, Any]) -> str:
    """Says how much data there is: ``90 rows, 3 features``, ``40 images of 10 x 12 pixels``.

    Args:
        info: What the preparation found: ``n_rows``, ``n_features``, of images ``image_shape``.
    """
    if (shape := info.get("image_shape")) is None:
        return f"{info['n_rows']} rows, {info['n_features']} features"
    height, width, n_channels = shape
    told = "" if n_channels == 1 else f", {n_channels} channels"
    return f"{info['n_rows']} images of {width} x {height} pixels{told}"


def thumbnails(images: Images) -> pd.DataFrame:
    """Gives a small table of numbers: mean brightness of up to 8 x 8 tiles of each image.

    Whatever looks at tables (descriptions for the prior, checks) looks at these.

    Args:
        images: (n, h, w, c).

    Returns:
        (n, tiles) float64 in [0, 255], columns ``tile <row> <column>``.
    """
    n, height, width, n_channels = images.shape
    rows, columns = _edges(height), _edges(width)
    areas = np.outer(np.diff(rows), np.diff(columns)) * n_channels  # (r, c)
    tiles = np.empty((n, *areas.shape))
    for start in range(0, n, _BLOCK):
        bright = images[start : start + _BLOCK].sum(axis=3, dtype=np.float64)  # (b, h, w)
        sums = np.add.reduceat(np.add.reduceat(bright, rows[:-1], axis=1), columns[:-1], axis=2)
        tiles[start : start + _BLOCK] = sums / areas
    names = [f"tile {i} {j}" for i in range(areas.shape[0]) for j in range(areas.shape[1])]
    return pd.DataFrame(tiles.reshape(n, -1), columns=names)


def _edges(length: int) -> np.ndarray[Any, Any]:
    return np.unique(np.linspace(0, length, min(length, THUMBNAIL) + 1).astype(np.int64))


def row_hashes(images: Images) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """Gives an (n,) hash of each image's pixels; equal in every process."""
    digests = (hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)
