"""Pictures in one folder for each label."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autometa import DataAdapter, DataError, Dataset
from autometa_torch.adapters.options import check_options, require

Array = np.ndarray[Any, Any]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm"})
MOST_BROKEN = 0.1
"""Share of unreadable pictures above which the folder is refused."""
_LARGEST = 128
"""Pixels per side that pictures are scaled down to unless the option ``size`` says otherwise."""
_NAMED = 5
_OPTIONS = {"size": "[height, width]", "channels": "1 or 3"}


class ImageFolderAdapter(DataAdapter):
    """Reads a folder (or ``images:FOLDER``) of pictures ``<label>/**/<name>``.

    The columns are ``label`` and ``file``.

    Pictures are scaled to one size: the option ``size``, else the most frequent size of them, at
    most 128 pixels a side. The option ``channels`` is 1 (gray) or 3 (colour); else 1 when all are
    gray. Transparency is ignored. What cannot be read is named and skipped.
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, _OPTIONS, "images")
        size, channels = _size(options.get("size")), options.get("channels")
        require(channels in (None, 1, 3), "channels", channels, _OPTIONS["channels"])
        folder = Path(source.removeprefix("images:"))
        files = list(_pictures(folder))
        pictures, broken = _read_all(files)
        notes = _broken_notes(folder, broken, len(files))
        size = size or _common_size(pictures.values())
        mode = "L" if channels == 1 or (channels is None and _are_gray(pictures)) else "RGB"
        images = np.stack([_scaled(picture, size, mode) for picture in pictures.values()])
        names = [path.relative_to(folder) for path in pictures]
        columns = pd.DataFrame(
            {
                "label": [name.parts[0] for name in names],
                "file": [name.as_posix() for name in names],
            }
        )
        n_scaled = sum(picture.size != size[::-1] for picture in pictures.values())
        if n_scaled:
            notes.append(f"{n_scaled} pictures were scaled to {size[0]} x {size[1]} pixels")
        return Dataset.from_images(images, columns, notes)


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    is_pair = isinstance(value, list) and len(value) == 2
    is_valid = is_pair and all(isinstance(n, int) and 0 < n <= 4096 for n in value)
    require(is_valid, "size", value, "[height, width] in pixels, up to 4096")
    return value[0], value[1]


def _pictures(folder: Path) -> Iterator[Path]:
    """Gives the pictures of all labels, in a fixed order."""
    if not folder.is_dir():
        what = "is a file, but a folder is needed" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}.", hint="Name a folder as data.source.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and len(path.relative_to(folder).parts) > 1
    )
    if not found:
        raise DataError(
            f"{folder} has no pictures in subfolders.",
            hint="Put the pictures of each label into a subfolder of that name.",
        )
    yield from found


def _read_all(files: list[Path]) -> tuple[dict[Path, Any], list[Path]]:
    pictures: dict[Path, Any] = {}
    broken = []
    for path in files:
        picture = _read(path)
        if picture is None:
            broken.append(path)
        else:
            pictures[path] = picture
    return pictures, broken


def _read(path: Path) -> Any:
    """Gives the picture, or None where the file is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on odd metadata
            with Image.open(path) as picture:
                plain = picture.convert("L" if picture.mode in ("1", "L", "I;16") else "RGB")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    if max(plain.size) > 2 * _LARGEST:
        plain.thumbnail((2 * _LARGEST, 2 * _LARGEST))  # so that memory stays bounded
    return plain


def _broken_notes(folder: Path, broken: list[Path], n_files: int) -> list[str]:
    """Says which pictures were skipped.

    Raises:
        DataError: If they are too many.
    """
    if not broken:
        return []
    names = ", ".join(path.relative_to(folder).as_posix() for path in broken[:_NAMED])
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    text = f"{len(broken)} of {n_files} pictures cannot be read: {names}{more}"
    if len(broken) > MOST_BROKEN * n_files:
        raise DataError(f"{folder}: {text}.", hint="Repair or remove them.")
    return [f"{text}; they were skipped"]


def _common_size(pictures: Any) -> tuple[int, int]:
    width, height = Counter(picture.size for picture in pictures).most_common(1)[0][0]
    factor = min(1.0, _LARGEST / max(width, height))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _are_gray(pictures: Mapping[Path, Any]) -> bool:
    return all(picture.mode == "L" for picture in pictures.values())


def _scaled(picture: Any, size: tuple[int, int], mode: str) -> Array:
    """Gives (h, w, c) uint8."""
    from PIL import Image

    plain = picture.convert(mode)
    if plain.size != size[::-1]:
        plain = plain.resize(size[::-1], Image.Resampling.BILINEAR)
    values: Array = np.asarray(plain, dtype=np.uint8)
    return values[..., None] if values.ndim == 2 else values
