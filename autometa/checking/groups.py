"""Rows of one patient, user or machine on both sides of a random split."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from autometa.checking.finding import Finding, Severity, named, percent
from autometa.checking.table import CheckedTable, Floats

_ID_WORDS = frozenset({"id", "ids", "uid", "uuid", "guid", "key"})
# fmt: off
_GROUP_WORDS = frozenset({
    "account", "author", "batch", "borrower", "client", "customer", "device", "donor",
    "driver", "family", "group", "household", "machine", "owner", "participant", "patient",
    "person", "player", "sensor", "session", "speaker", "store", "student", "subject", "user",
    "vehicle",
})
# fmt: on
_FEWEST_GROUPS = 10
_FEWEST_ROWS_EACH = 1.5
_LEAST_KNOWN = 0.5
_MOST_ROWS_EACH = 100.0
_LIKENESS_OF_NAMED = 0.1
_LIKENESS = 0.6
_MOST_ROWS_EACH_UNNAMED = 20.0
_MOST_ROWS = 20_000


def words_of(name: str) -> list[str]:
    """Gives the lower-case words of a column's name.

    Example:
        >>> words_of("patientID"), words_of("store_id 2")
        (['patient', 'id'], ['store', 'id', '2'])
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[\W_]+", parted.lower()) if word]


def is_group_name(name: str) -> bool:
    """Whether a name speaks of whom or what a row belongs to."""
    words = words_of(name)
    return bool(words) and (words[-1] in _ID_WORDS or not _GROUP_WORDS.isdisjoint(words))


def check_groups(table: CheckedTable) -> Iterator[Finding]:
    """Finds columns whose values repeat and tell the target by whom a row belongs to.

    A column counts by its name (``patient_id``), or when rows that share a value are far more
    alike in the target than chance although each value has few rows.
    """
    if (share := table.overlap.get("group", 0.0)) > 0.0:
        yield _shared_with_test(share)
    if not table.is_random:
        return
    rows = table.sample(table.development, _MOST_ROWS)
    for column in table.schema:
        is_named = is_group_name(column.name)
        if column.kind != "categorical" and not (is_named and column.kind == "numeric"):
            continue
        values = table.numbers(column.name, rows)
        if column.kind == "numeric" and not _are_whole(values):
            continue
        finding = _look(table, column.name, values, table.y[rows], is_named=is_named)
        if finding is not None:
            yield finding


def _shared_with_test(share: float) -> Finding:
    return Finding(
        check="group_leak_test",
        severity=Severity.WARNING,
        message=f"{percent(share)} of the test rows are of groups that have development rows, too.",
        advice="Give a test part of other groups, or leave data.test out to have one set aside.",
        evidence={"share": round(share, 4)},
    )


def _are_whole(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(len(known) and (known == np.floor(known)).all())


def _look(
    table: CheckedTable, name: str, values: Floats, y: np.ndarray[Any, Any], *, is_named: bool
) -> Finding | None:
    known = ~np.isnan(values)
    _, groups, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(counts) < _FEWEST_GROUPS or known.mean() < _LEAST_KNOWN:
        return None
    each = len(groups) / len(counts)
    most = _MOST_ROWS_EACH if is_named else _MOST_ROWS_EACH_UNNAMED
    if not _FEWEST_ROWS_EACH <= each <= most:
        return None
    alike = likeness(groups, y[known], table.n_classes)
    if not is_named and alike < _LIKENESS:
        return None
    split = _split_share(table, name)
    if split == 0.0:
        return None
    is_grave = alike >= _LIKENESS_OF_NAMED
    return Finding(
        check="group_leak",
        severity=Severity.WARNING if is_grave else Severity.INFO,
        message=(
            f"{percent(split)} of the rows share their {named([name])} with rows that are scored "
            f"apart from them, and such rows are {'alike' if is_grave else 'hardly alike'} in the "
            f"target (likeness {alike:.2f})."
        ),
        advice=(
            "If predictions are for new ones, set validation.group to this column; the scores are "
            "too good otherwise."
        ),
        columns=(name,),
        evidence={
            "n_groups": float(len(counts)),
            "rows_per_group": round(each, 2),
            "likeness": round(alike, 4),
            "share": round(split, 4),
        },
    )


def likeness(groups: np.ndarray[Any, Any], y: np.ndarray[Any, Any], n_classes: int | None) -> float:
    """Gives how alike the target is within groups: 0 as by chance, 1 = always the same.

    Args:
        groups: (n,) numbers of groups.
        y: (n,) class indices or values.
        n_classes: None for regression, where this is the intraclass correlation.
    """
    counts = np.bincount(groups).astype(np.float64)
    pairs = float((counts * (counts - 1)).sum())
    if pairs == 0:
        return 0.0
    if n_classes is None:
        return _intraclass(groups, np.asarray(y, dtype=np.float64), counts)
    cells = np.bincount(groups * n_classes + y, minlength=len(counts) * n_classes)
    cells = cells.reshape(-1, n_classes).astype(np.float64)
    same = float((cells * (cells - 1)).sum()) / pairs
    shares = cells.sum(axis=0) / len(y)
    chance = float((shares**2).sum())
    return (same - chance) / (1.0 - chance) if chance < 1.0 else 0.0


def _intraclass(groups: np.ndarray[Any, Any], y: Floats, counts: Floats) -> float:
    """One-way intraclass correlation. Source: Shrout and Fleiss (1979), ICC(1)."""
    n, k = len(y), len(counts)
    if n <= k or k < 2:
        return 0.0
    means = np.bincount(groups, weights=y) / counts
    within = float(((y - means[groups]) ** 2).sum()) / (n - k)
    between = float((counts * (means - y.mean()) ** 2).sum()) / (k - 1)
    size = (n - float((counts**2).sum()) / n) / (k - 1)
    total = between + (size - 1.0) * within
    return (between - within) / total if total > 0 else 0.0


def _split_share(table: CheckedTable, name: str) -> float:
    """Gives the share of rows whose value also stands in another part of the split."""
    values = table.numbers(name)
    known = np.flatnonzero(~np.isnan(values))
    _, groups = np.unique(values[known], return_inverse=True)
    codes = table.split.codes[known]
    first = np.full(int(groups.max()) + 1, np.iinfo(np.int64).max)
    last = np.full(len(first), np.iinfo(np.int64).min)
    np.minimum.at(first, groups, codes)
    np.maximum.at(last, groups, codes)
    return float((first != last)[groups].mean())
