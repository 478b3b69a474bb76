"""How many rows there are, of which class, and for how many columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autometa.checking.finding import Finding, Severity, named, percent
from autometa.checking.table import CheckedTable
from autometa.measure import METRICS

_RARE = 0.1
_VERY_RARE = 0.02
_FEW_PER_FEATURE = 5.0
_TOO_FEW_PER_FEATURE = 1.0
_SMALL_TEST = 30

_BETTER = "log_loss, average_precision or balanced_accuracy"
_FOOLED = ("accuracy", "error")
"""Metrics that hardly change when a rare class is never predicted."""

_OF_ONE_CLASS = ("average_precision", "f1", "precision", "recall")
"""Metrics that look at the positive class alone when there are two."""


def check_classes(table: CheckedTable) -> Iterator[Finding]:
    """Finds classes with fewer rows than folds, and two or more classes far apart in size."""
    if table.n_classes is None:
        return
    counts = np.bincount(table.y[table.development], minlength=table.n_classes)
    least = max(2, table.split.n_folds)
    tiny = np.flatnonzero(counts < least)
    if len(tiny):
        yield _tiny(table, tiny, counts, least)
    common = counts[counts >= least]
    share = float(common.min() / counts.sum()) if len(common) else 0.0
    fair = 1.0 / table.n_classes
    if 0.0 < share < _RARE * min(1.0, 2.0 * fair):
        yield _imbalance(table, counts, share, least)


def _tiny(table: CheckedTable, tiny: np.ndarray, counts: np.ndarray, least: int) -> Finding:
    labels = [table.classes[i] for i in tiny]
    return Finding(
        check="tiny_classes",
        severity=Severity.WARNING,
        message=(
            f"{_plural(len(tiny), 'class')} of {named([table.target])} ({named(labels)}) "
            f"{'has' if len(tiny) == 1 else 'have'} fewer than {least} rows, so folds lack them."
        ),
        advice="Merge them into another class, leave their rows out, or get more of them.",
        columns=(table.target,),
        evidence={"n_classes": float(len(tiny)), "fewest_rows": float(counts[tiny].min())},
    )


def _imbalance(table: CheckedTable, counts: np.ndarray, share: float, least: int) -> Finding:
    rarest = int(np.where(counts >= least, counts, counts.max() + 1).argmin())
    is_heavy = share < _VERY_RARE
    return Finding(
        check="imbalance",
        severity=Severity.WARNING if is_heavy else Severity.INFO,
        message=(
            f"The class {table.classes[rarest]!r} has {percent(share)} of the rows "
            f"({int(counts[rarest])} of {int(counts.sum())})."
        ),
        advice=_advice(table, rarest),
        columns=(table.target,),
        evidence={"share": round(share, 4), "n_rows": float(counts[rarest])},
    )


def _advice(table: CheckedTable, rarest: int) -> str:
    """Says what helps with a rare class, given what the search optimises."""
    objective = table.objective
    is_missed = table.n_classes == 2 and table.positive != rarest
    better = "log_loss or balanced_accuracy" if is_missed else _BETTER
    if objective in _FOOLED:
        return f"Prefer {better}: {objective} hardly notices when this class is never predicted."
    if is_missed and objective in _OF_ONE_CLASS:
        rare, other = named([table.classes[rarest]]), named([table.classes[table.positive]])
        return (
            f"Set data.positive_class to {rare}, or prefer {better}:"
            f" {objective} looks at {other} alone."
        )
    if objective in METRICS:
        return (
            f"The objective {objective} takes it into account; see under Mistakes in the report"
            " how often it is confused, and get more rows of it if that is too often."
        )
    return (
        f"Make sure that what is optimised notices it, as {better} would, and see under Mistakes"
        " in the report how often it is confused."
    )


def check_sizes(table: CheckedTable) -> Iterator[Finding]:
    """Finds tables with few rows for their columns."""
    n_rows, n_columns = len(table.development), len(table.names)
    each = n_rows / max(1, n_columns)
    if each < _FEW_PER_FEATURE:
        yield Finding(
            check="few_rows",
            severity=Severity.WARNING if each < _TOO_FEW_PER_FEATURE else Severity.INFO,
            message=f"There are {n_rows} development rows for {n_columns} features.",
            advice="Expect scores to vary; leave out columns that cannot matter, or get more rows.",
            evidence={"rows_per_feature": round(each, 3)},
        )


def check_test(table: CheckedTable) -> Iterator[Finding]:
    """Finds test parts that are too small to tell much."""
    n_test = len(table.test)
    if 0 < n_test < _SMALL_TEST:
        yield Finding(
            check="small_test",
            severity=Severity.INFO,
            message=f"The test part has {n_test} rows, so its score is rough.",
            advice="Trust the search's score more, or raise validation.test_fraction.",
            evidence={"n_rows": float(n_test)},
        )


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}es"
