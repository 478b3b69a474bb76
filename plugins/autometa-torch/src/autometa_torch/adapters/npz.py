"""Images in an npz file of NumPy."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autometa import DataAdapter, DataError, Dataset
from autometa_torch.adapters.options import check_options, require

Array = np.ndarray[Any, Any]


class NpzAdapter(DataAdapter):
    """Reads one npz file: an array of images, and arrays of one value for each.

    The images are the array named by the option ``images``, else the only one of three or four
    axes. Every array of one axis and the same length becomes a column by its name.
    """

    def load(self, source: str, options: Mapping[str, Any]) -> Dataset:
        """See `DataAdapter.load`."""
        check_options(options, {"images": "name of the array of images"}, "npz")
        wanted = options.get("images")
        require(wanted is None or isinstance(wanted, str), "images", wanted, "a text")
        path = Path(source)
        arrays = _read(path)
        name = _images(path, arrays, wanted)
        images = arrays.pop(name)
        columns = {key: a for key, a in arrays.items() if a.ndim == 1 and len(a) == len(images)}
        if not columns:
            raise DataError(
                f"{path}: no array has one value for each of the {len(images)} images of {name!r}.",
                hint="Save the labels as an array beside the images.",
            )
        if not len(images):
            raise DataError(f"{path} has no images.", hint="Name another file as data.source.")
        left_out = [key for key in arrays if key not in columns]
        notes = [f"arrays left out, since they have no value for each image: {_list(left_out)}"]
        return Dataset.from_images(images, pd.DataFrame(columns), notes if left_out else [])


def _read(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise zipfile.BadZipFile("it is no archive of arrays")
            file.seek(0)
            archive = np.load(file, allow_pickle=False)
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as exc:
        raise DataError(f"{path} does not exist.", hint="Check data.source.") from exc
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as exc:
        reason = str(exc).partition("\n")[0]
        raise DataError(
            f"{path} is no readable npz file: {reason}.",
            hint="Save plain numbers and texts with numpy.savez; objects are not read.",
        ) from exc


def _images(path: Path, arrays: Mapping[str, Array], wanted: str | None) -> str:
    """Gives the name of the array of images."""
    if wanted is not None:
        if wanted not in arrays:
            raise DataError(
                f"{path} has no array {wanted!r}.", hint=f"It has {_list(list(arrays))}."
            )
        return wanted
    found = [name for name, array in arrays.items() if array.ndim in (3, 4)]
    if len(found) != 1:
        shown = {name: array.shape for name, array in arrays.items()}
        raise DataError(
            f"{path}: {len(found)} arrays may be the images, of {shown}.",
            hint="Name one with data.options.images."
            if found
            else "Save images as uint8 of the shape (n, height, width, channels).",
        )
    return found[0]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
