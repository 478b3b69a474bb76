"""Reads the parts of a source through a data adapter, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from autometa.adapter import DataAdapter
from autometa.dataset import Dataset
from autometa.errors import DataError, PluginError
from autometa.images import Images
from autometa.resolve import resolve
from autometa.schema import require_columns


def load_dataset(source: str | Sequence[str], adapter: str, options: Mapping[str, Any]) -> Dataset:
    """Reads a source, or several one after the other.

    Args:
        source: As adapters take it, or a list of such.
        adapter: ``"package.module:Class"``.
        options: ``data.options`` of the task file.

    Raises:
        DataError: If one cannot be read, or lacks a column of the first.
        TaskError: If an option is wrong.
        PluginError: If the adapter is broken.
    """
    reader: DataAdapter = resolve(adapter)()
    sources = [source] if isinstance(source, str) else list(source)
    datasets = [reader.load(one, options) for one in sources]
    for one in datasets:
        if not isinstance(one, Dataset):
            raise PluginError(f"{adapter!r} must load a Dataset, but gave {type(one).__name__}.")
    return datasets[0] if len(datasets) == 1 else _joined(datasets, sources)


def _joined(datasets: Sequence[Dataset], sources: Sequence[str]) -> Dataset:
    names = list(datasets[0].raw.columns)
    further: dict[str, None] = {}
    for dataset, source in zip(datasets, sources, strict=True):
        require_columns(names, dataset.raw.columns, f"{source} has no column")
        further |= dict.fromkeys(str(name) for name in dataset.raw.columns if name not in names)
    raw = pd.concat([dataset.raw[names] for dataset in datasets], ignore_index=True)
    notes = [f"{len(datasets)} files were read as one table"]
    if further:
        shown = ", ".join(map(repr, list(further)[:3]))
        notes.append(f"left out, since not every file has it: {shown}")
    read = dict.fromkeys(note for dataset in datasets for note in dataset.read_notes)
    if datasets[0].images is not None:
        images = _joined_images(datasets, sources)
        return Dataset.from_images(images, raw, [*notes, *read])
    return Dataset.from_frame(raw, [*notes, *read], decimal=datasets[0].decimal)


def _joined_images(datasets: Sequence[Dataset], sources: Sequence[str]) -> Images:
    shape = None
    parts = []
    for dataset, source in zip(datasets, sources, strict=True):
        images = dataset.images
        shape = shape or (None if images is None else images.shape[1:])
        if images is None or images.shape[1:] != shape:
            raise DataError(
                f"{source} does not hold images of the shape {shape} like {sources[0]}.",
                hint="Give files whose images have one shape.",
            )
        parts.append(images)
    return np.concatenate(parts)
