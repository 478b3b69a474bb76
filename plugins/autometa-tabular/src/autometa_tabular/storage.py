"""Reads and writes the files of a model: JSON and arrays, the same bytes for the same content."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Writes one JSON object."""
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Reads one JSON object.

    Raises:
        ValueError: If the file is missing, holds no JSON object, or not exactly these keys.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ValueError(f"cannot read {path.name} of a model: {exc}") from exc
    if not isinstance(data, dict) or set(data) != set(keys):
        raise ValueError(f"{path.name} of a model must hold {', '.join(keys)}")
    return data


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Writes arrays as npz, compressed at the quick end: level 9 takes ten times as long."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


def read_arrays(path: Path, *names: str) -> dict[str, np.ndarray[Any, Any]]:
    """Reads what `write_arrays` wrote.

    Raises:
        ValueError: If the file is missing or does not hold exactly these arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, zipfile.BadZipFile, EOFError) as exc:
        raise ValueError(f"cannot read {path.name} of a model: {exc}") from exc
    if set(arrays) != set(names):
        raise ValueError(f"{path.name} of a model must hold {', '.join(names)}")
    return arrays
