"""A first look at data, for a task file to start from; runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from autometa.checking.groups import is_group_name, words_of
from autometa.dataset import Dataset
from autometa.errors import DataError
from autometa.loading import load_dataset
from autometa.schema import require_columns
from autometa.target import Target, read_target

LOOK = "autometa.look:look"

TARGET_NAMES = ("target", "label", "labels", "class", "y", "outcome", "response")
"""Names that a target goes by, the surest first."""

LIKELY_NAMES = frozenset(
    {"churn", "churned", "default", "diagnosis", "fraud", "income", "price", "quality", "salary"}
    | {"species", "survived"}
)
"""Names that are targets more often than not."""

_UNLIKELY_WORDS = frozenset(
    {"id", "index", "row", "date", "day", "month", "year", "time", "timestamp", "sex", "gender"}
)

_FEWEST_GROUPS = 10
_FEWEST_ROWS_EACH = 1.5


def look(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Reads a source and guesses what its columns are for.

    Args:
        payload: ``source`` (or a list of them), ``adapter`` (``"package.module:Class"``),
            ``options``, and ``target`` (a column, or None to guess).
        deadline: Moment of `time.monotonic`.

    Returns:
        ``n_rows``, ``n_columns``; ``target``, ``guess`` (why this column, "" when it was given),
        ``problem``, ``reason``, ``n_classes``; ``times`` and ``groups`` (columns that may be
        ``validation.time`` or ``validation.group``); ``dropped`` (``column``, ``reason``); and
        ``notes`` on what was changed in reading.

    Raises:
        DataError: If the source cannot be read, or no column can be the target.
        PluginError: If the adapter is broken.
    """
    dataset = load_dataset(payload["source"], payload["adapter"], payload.get("options") or {})
    name, guess, target = _target(dataset, payload.get("target"))
    schema = dataset.schema
    return {
        "n_rows": len(dataset),
        "n_columns": len(schema),
        "target": name,
        "guess": guess,
        "problem": target.problem,
        "reason": target.reason,
        "n_classes": len(target.classes) or None,
        "times": [c.name for c in schema if c.kind == "date" and c.name != name],
        "groups": [group for group in _groups(dataset) if group != name],
        "dropped": [{"column": c.name, "reason": c.reason} for c in schema.dropped],
        "notes": list(dataset.notes),
    }


def _target(dataset: Dataset, wanted: str | None) -> tuple[str, str, Target]:
    """Gives the target's name, why it is that one, and what it holds."""
    if wanted is not None:
        require_columns([wanted], dataset.schema.all_names, "the data has no column")
        return wanted, "", _read(dataset, wanted)
    for name, guess in _candidates(dataset):
        try:
            return name, guess, _read(dataset, name)
        except DataError:
            continue
    raise DataError("no column can be the target.", hint="Name one with --target.")


def _read(dataset: Dataset, name: str) -> Target:
    column = dataset.schema[name]
    return read_target(dataset.raw_column(name), name=name, decimal=column.decimal)


def _candidates(dataset: Dataset) -> Iterator[tuple[str, str]]:
    """Gives columns with the reason, the likeliest target first."""
    usable = [c.name for c in dataset.schema if c.kind in ("numeric", "boolean", "categorical")]
    for wanted in TARGET_NAMES:
        yield from ((name, "by its name") for name in usable if name.strip().lower() == wanted)
    for wanted in TARGET_NAMES:
        yield from ((name, "by its name") for name in usable if wanted in words_of(name))
    yield from ((name, "by its name") for name in usable if name.strip().lower() in LIKELY_NAMES)
    last = dataset.schema.all_names[-1:]
    unlikely = [name for name in usable if not _UNLIKELY_WORDS.isdisjoint(words_of(name))]
    for name in [*unlikely, *(name for name in usable if name not in unlikely)][::-1]:
        yield name, "the last column" if name in last else "the last column that may be one"


def _groups(dataset: Dataset) -> list[str]:
    """Gives columns that say whose a row is: by their name, with values that repeat."""
    found = []
    for column in dataset.schema:
        if column.kind not in ("numeric", "categorical") or not is_group_name(column.name):
            continue
        values = dataset.frame[column.name]
        n_groups = int(values.nunique())
        is_number = column.kind == "numeric"
        if is_number and not bool((values.dropna() == np.floor(values.dropna())).all()):
            continue
        if n_groups >= _FEWEST_GROUPS and len(values) >= _FEWEST_ROWS_EACH * n_groups:
            found.append(column.name)
    return found
