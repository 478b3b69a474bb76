"""The first job of a task: from the data section of its file to a folder that every trial reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autometa.dataset import Dataset
from autometa.errors import DataError
from autometa.fingerprint import describe_inputs, row_minhash
from autometa.images import Rows, require_shape, stacked, taken
from autometa.inference import numbers_of
from autometa.loading import load_dataset
from autometa.prepared import Prepared, Unlabelled, open_prepared, write_prepared
from autometa.rowroles import groups_of, has_document, marks_of, overlap, times_of
from autometa.schema import Schema, describe_dropped, read_table, require_columns, show_name
from autometa.split import Mask, Split, SplitRequest, make_split, require_rows
from autometa.target import Target, encode, find_class, read_target, require_finite, written
from autometa.unlabelled import OPTION, find_unlabelled, require_classes

__all__ = ["Prepared", "open_prepared", "prepare"]


@dataclass(slots=True)
class _Table:
    """The rows on their way: features, target, and what the split needs to know of each."""

    X: Rows
    y: np.ndarray[Any, Any]
    groups: np.ndarray[Any, Any] | None
    times: np.ndarray[Any, Any] | None
    is_test: Mask | None
    places: np.ndarray[Any, Any]
    """Rows of the source, of all but the rows of a test file."""


def prepare(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Loads, checks and splits the data of a task, and writes it into a folder.

    Args:
        payload: ``source`` (or a list of them), ``adapter`` (``"package.module:Class"``),
            ``options``, ``target``, ``positive_class``, ``problem``, ``test`` (None, ``{"source",
            "adapter"}`` or ``{"column"}``), ``ignore`` (columns), ``unlabelled`` (``ignore`` or
            ``use``), ``validation`` (``kind``, ``test_fraction``, ``folds``, ``group``, ``time``),
            ``seed`` and ``folder`` (absolute, exists). All but source, adapter, target and folder
            may be left out.
        deadline: Moment of `time.monotonic`.

    Returns:
        ``problem`` and ``reason``; ``target``, ``classes`` (labels as written), ``class_kind``
        (``str``, ``int``, ``float``, ``bool``), ``positive`` (index for two classes, else None);
        ``n_rows``, ``n_train``, ``n_test``, ``n_features``, ``n_folds``, ``split``; ``digest`` of
        all that was read; ``schema`` of the features; ``dropped`` (``column``, ``reason``);
        ``warnings``; ``overlap`` (of a given test part, the share of rows whose ``group`` also
        has development rows, or whose ``time`` is before the last one's); ``column_signature``
        and ``row_minhash``, by which the same data is recognised later; ``modality``, and of
        images ``image_shape`` (height, width, channels); ``n_unlabelled`` where rows without a
        target are to be used and there are some.

    Raises:
        DataError: If the data cannot be read, or cannot be used for this task.
        TaskError: If an option or the problem is unknown, or a regression is to use rows
            without a target.
        PluginError: If the adapter is broken.
        StorageError: If the folder cannot be written.
    """
    validation = payload.get("validation") or {}
    dataset = load_dataset(payload["source"], payload["adapter"], payload.get("options") or {})
    roles = _roles(payload, validation)
    _require_roles(dataset, roles)
    target = _read_target(dataset, payload)
    require_rows(len(target.y))
    schema = _features(dataset, roles)
    warnings = [*dataset.notes, *_warn_of_columns(dataset, roles)]
    warnings += [] if _wants_unlabelled(payload) else _warn_of_rows(target)
    table = _usable_rows(dataset, target, schema, roles, warnings)
    digest, test = dataset.digest(), _load_test(payload)
    if test is not None:
        digest = hashlib.sha256((digest + test.digest()).encode()).hexdigest()
        _append_test(table, test, target=target, schema=schema, payload=payload, warnings=warnings)
    split, notes = _split(table, target, validation, int(payload.get("seed") or 0))
    apart, more = _apart(dataset, target, roles, table=table, split=split, payload=payload)
    info = {
        **_describe_target(target, payload),
        **_describe_split(table, split),
        "n_delivered": 1 if validation.get("kind") == "single" else split.n_folds,
        "digest": digest,
        "schema": schema.to_json(),
        "dropped": [{"column": c.name, "reason": c.reason} for c in _left_out(dataset, roles)],
        "warnings": [*warnings, *notes, *more],
        "overlap": overlap(dataset, test, roles),
        **describe_inputs(table.X, schema),
        "row_minhash": row_minhash(table.X, table.y),
        **({} if apart is None else {"n_unlabelled": len(apart.X)}),
    }
    write_prepared(Path(payload["folder"]), table.X, table.y, split, info, unlabelled=apart)
    return info


def _load_test(payload: Mapping[str, Any]) -> Dataset | None:
    """Reads the test file; None when there is none."""
    test = payload.get("test") or {}
    if not test.get("source"):
        return None
    options = test.get("options", payload.get("options")) or {}
    return load_dataset(test["source"], test.get("adapter") or payload["adapter"], options)


def _roles(payload: Mapping[str, Any], validation: Mapping[str, Any]) -> dict[str, str]:
    """Gives the columns that are no features, by the key that names them."""
    named = {
        "data.target": payload["target"],
        "data.test": (payload.get("test") or {}).get("column"),
        "validation.group": validation.get("group"),
        "validation.time": validation.get("time"),
        **{f"data.ignore[{i}]": name for i, name in enumerate(payload.get("ignore") or ())},
    }
    return {key: str(column) for key, column in named.items() if column is not None}


def _require_roles(dataset: Dataset, roles: Mapping[str, str]) -> None:
    for key, column in roles.items():
        require_columns([column], dataset.schema.all_names, f"{key}: the data has no column")
        if key != "data.target" and column == roles["data.target"]:
            raise DataError(f"{key} names the target {show_name(column)}.", hint="Choose another.")


def _read_target(dataset: Dataset, payload: Mapping[str, Any]) -> Target:
    name = str(payload["target"])
    problem = payload.get("problem") or "auto"
    target = read_target(
        dataset.raw_column(name), problem, name=name, decimal=dataset.schema[name].decimal
    )
    if _wants_unlabelled(payload):
        require_classes(target)
    return target


def _wants_unlabelled(payload: Mapping[str, Any]) -> bool:
    return payload.get("unlabelled") == "use"


def _features(dataset: Dataset, roles: Mapping[str, str]) -> Schema:
    if dataset.images is not None:
        return Schema(())
    schema = dataset.schema.without(roles.values())
    if not schema.names:
        left_out = "; ".join(describe_dropped(_left_out(dataset, roles)))
        raise DataError(
            f"No column is left to learn from{f' ({left_out})' if left_out else ''}.",
            hint="Add columns whose values tell something about the target.",
        )
    return schema


def _left_out(dataset: Dataset, roles: Mapping[str, str]) -> list[Any]:
    if dataset.images is not None:
        return []  # what stands beside images is never learnt from
    special = set(roles.values())
    return [column for column in dataset.schema.dropped if column.name not in special]


def _warn_of_columns(dataset: Dataset, roles: Mapping[str, str]) -> list[str]:
    lines = describe_dropped(_left_out(dataset, roles))
    for key in ("validation.group", "validation.time", "data.test"):
        if key in roles:
            lines.append(f"{show_name(roles[key])} is used as {key}, not as a feature")
    return lines


def _usable_rows(
    dataset: Dataset,
    target: Target,
    schema: Schema,
    roles: Mapping[str, str],
    warnings: list[str],
) -> _Table:
    keep = target.has_value
    y = np.full(len(keep), np.nan if target.problem == "regression" else -1, dtype=target.y.dtype)
    y[keep] = target.y
    times = times_of(dataset, roles.get("validation.time"))
    if times is not None and (lost := keep & np.isnan(times)).any():
        warnings.append(f"{int(lost.sum())} rows have no time and are not used")
        keep = keep & ~lost
    keep = keep & has_document(dataset, schema, keep, warnings)
    rows = np.flatnonzero(keep)
    X = dataset.frame[list(schema.names)] if dataset.images is None else dataset.images
    groups = groups_of(dataset, roles.get("validation.group"), warnings)
    is_test = marks_of(dataset, roles.get("data.test"))
    return _Table(
        X=X if keep.all() else taken(X, rows),
        y=y[rows],
        groups=None if groups is None else groups[rows],
        times=None if times is None else times[rows],
        is_test=None if is_test is None else is_test[rows],
        places=rows,
    )


def _warn_of_rows(target: Target) -> list[str]:
    """Tells of rows that are left out, and of what could be done with them."""
    n_lost, n_rows = int((~target.has_value).sum()), len(target.has_value)
    if not n_lost:
        return []
    line = f"{n_lost} of {n_rows} rows have no target and are not used"
    can_help = target.problem == "classification"
    return [f"{line}; {OPTION}: use would learn from them too" if can_help else line]


def _append_test(
    table: _Table,
    test: Dataset,
    *,
    target: Target,
    schema: Schema,
    payload: Mapping[str, Any],
    warnings: list[str],
) -> None:
    """Adds the rows of a test file behind the others."""
    name = str(payload["target"])
    require_columns([name, *schema.names], test.schema.all_names, "data.test: it has no column")
    X, changes = _test_inputs(table.X, test, schema)
    warnings.extend(f"test file: {line}" for line in changes)
    y, usable = _test_target(test, target, name=name)
    if n_lost := int((~usable).sum()):
        warnings.append(f"test file: {n_lost} rows without a known target value are not used")
    if not usable.any():
        raise DataError(
            f"data.test: no row has a usable value of the target {show_name(name)}.",
            hint="Give a file with the target filled in.",
        )
    rows, n_train = np.flatnonzero(usable), len(table.y)
    table.X = stacked(table.X, taken(X, rows))
    table.y = np.concatenate([table.y, y[rows]])
    table.is_test = np.arange(len(table.y)) >= n_train
    if table.groups is not None:
        table.groups = np.append(table.groups, np.full(len(rows), -1))
    if table.times is not None:
        table.times = np.append(table.times, np.full(len(rows), np.inf))


def _test_inputs(X: Rows, test: Dataset, schema: Schema) -> tuple[Rows, Sequence[str]]:
    """Gives the rows of a test file in the form of X, and what had to be changed."""
    if isinstance(X, pd.DataFrame):
        _, frame, changes = read_table(test.raw, schema=schema)
        return frame, changes
    return require_shape(test.inputs, X.shape[1:]), []


def _test_target(test: Dataset, target: Target, *, name: str) -> tuple[np.ndarray[Any, Any], Mask]:
    raw = test.raw_column(name)
    if target.problem == "classification":
        codes = encode(written(raw), target.classes)
        return codes, codes >= 0
    numbers = numbers_of(raw, test.schema[name].decimal)
    if numbers is None:
        raise DataError(
            f"data.test: the target {show_name(name)} is not numeric there.",
            hint="Correct the values.",
        )
    require_finite(numbers, name)
    return numbers, ~np.isnan(numbers)


def _split(
    table: _Table, target: Target, validation: Mapping[str, Any], seed: int
) -> tuple[Split, list[str]]:
    fraction = validation.get("test_fraction")
    request = SplitRequest(
        n_rows=len(table.y),
        kind=_kind(table, validation),
        test_fraction=0.2 if fraction is None else float(fraction),
        n_folds=validation.get("folds"),
        seed=seed,
        labels=table.y if target.problem == "classification" else None,
        classes=target.classes,
        groups=table.groups,
        times=table.times,
        is_test=table.is_test,
    )
    return make_split(request)


def _apart(
    dataset: Dataset,
    target: Target,
    roles: Mapping[str, str],
    *,
    table: _Table,
    split: Split,
    payload: Mapping[str, Any],
) -> tuple[Unlabelled | None, list[str]]:
    """Gives rows without a target, where they are asked for and there are some, and notes."""
    if not _wants_unlabelled(payload):
        return None, []
    return find_unlabelled(
        dataset,
        ~target.has_value,
        _features(dataset, roles),
        roles,
        split=Split(split.kind, split.codes[: len(table.places)]),  # without those of a test file
        places=table.places,
        seed=int(payload.get("seed") or 0),
    )


def _kind(table: _Table, validation: Mapping[str, Any]) -> str:
    """Images are fitted slowly: they are held out once, unless the task asks for folds."""
    kind = str(validation.get("kind") or "auto")
    is_open = kind in ("auto", "single") and validation.get("folds") is None
    has_order = table.groups is not None or table.times is not None
    return "holdout" if is_open and not has_order and table.X.ndim == 4 else kind


def _describe_target(target: Target, payload: Mapping[str, Any]) -> dict[str, Any]:
    is_binary = len(target.classes) == 2
    wanted = payload.get("positive_class")
    positive = 1 if is_binary else None
    if wanted is not None:
        if not is_binary:
            raise DataError(
                f"data.positive_class is for two classes, but the target has {_n(target)}.",
                hint="Remove it.",
            )
        positive = find_class(str(wanted), target.classes)
    return {
        "problem": target.problem,
        "reason": target.reason,
        "target": str(payload["target"]),
        "classes": list(target.classes),
        "class_kind": target.class_kind,
        "positive": positive,
    }


def _n(target: Target) -> str:
    return f"{len(target.classes)} classes" if target.classes else "numbers"


def _describe_split(table: _Table, split: Split) -> dict[str, Any]:
    n_test = len(split.test_rows())
    return {
        "n_rows": len(table.y),
        "n_train": len(table.y) - n_test,
        "n_test": n_test,
        "n_features": int(np.prod(table.X.shape[1:])),
        "n_folds": split.n_folds,
        "split": split.kind,
    }
