"""Columns by themselves: gaps, levels, counters, and what was left out or repaired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from autometa.checking.finding import Finding, Severity, named
from autometa.checking.table import CheckedTable, Floats
from autometa.columns import REASONS
from autometa.split import Rows

_MANY_MISSING = 0.5
_NEARLY_ALL_MISSING = 0.95
_MANY_LEVELS = 100
_LEVELS_PER_ROW = 0.5
_FEWEST_FOR_LEVELS = 20
_FEWEST_FOR_COUNTER = 30
_FEWEST_DAYS = 10

_DROPPED = {"id": "id_columns", "constant": "constant_columns", "all-missing": "empty_columns"}

_NOTES = (
    (
        "infinite_values",
        "infinite values became missing",
        "Correct them at the source if they stand for something, such as a division by zero.",
    ),
    (
        "mixed_values",
        "taken as categories, since not all values are numbers",
        "Correct these texts (csv: or name them in data.options.na_values), and it is numeric.",
    ),
    (
        "mixed_dates",
        "dates in several formats were not read as dates",
        "Write them all as 2026-01-31.",
    ),
)
"""Check, the words by which `autometa.inference` tells it, and what to do."""


def check_values(table: CheckedTable) -> Iterator[Finding]:
    """Finds infinite and mixed values, which the preparation has made into something else."""
    for check, words, advice in _NOTES:
        for note in table.notes:
            if words not in note:
                continue
            count = re.match(r"(?:test file: )?(\d+) ", note)
            yield Finding(
                check=check,
                severity=Severity.WARNING,
                message=f"{note[:1].upper()}{note[1:]}.",
                advice=advice,
                columns=tuple(name for name in table.names if _names(note, name)),
                evidence={"n_values": float(count[1])} if count else {},
            )


def _names(note: str, name: str) -> bool:
    return repr(name) in note.partition(": ")[2]


def check_missing(table: CheckedTable) -> Iterator[Finding]:
    """Finds columns most of whose values are missing."""
    rows = table.sample_cells(table.development, table.names)
    shares = {name: _missing_share(table, name, rows) for name in table.names}
    nearly = [name for name, share in shares.items() if share >= _NEARLY_ALL_MISSING]
    many = [n for n, share in shares.items() if _MANY_MISSING <= share < _NEARLY_ALL_MISSING]
    for names, severity in ((nearly, Severity.WARNING), (many, Severity.INFO)):
        if names:
            worst = max(shares[name] for name in names)
            least = int(100 * min(shares[name] for name in names))
            yield Finding(
                check="many_missing",
                severity=severity,
                message=f"At least {least} % of the values are missing in {named(names)}.",
                advice="Find out why; a column that is hardly ever filled teaches little.",
                columns=tuple(names),
                evidence={"n_columns": float(len(names)), "share": round(worst, 4)},
            )


def _missing_share(table: CheckedTable, name: str, rows: Rows) -> float:
    if table.schema[name].kind == "text":
        return float(np.mean(table.X[name].array[rows].isna()))
    return float(np.isnan(table.numbers(name, rows)).mean())


def check_levels(table: CheckedTable) -> Iterator[Finding]:
    """Finds categories with very many levels."""
    n_rows = len(table.y)
    levels = {c.name: len(c.categories) for c in table.schema if c.kind == "categorical"}
    like_ids = [
        name
        for name, n in levels.items()
        if n >= _FEWEST_FOR_LEVELS and n >= _LEVELS_PER_ROW * n_rows
    ]
    many = [name for name, n in levels.items() if n >= _MANY_LEVELS and name not in like_ids]
    if like_ids:
        yield _levels(
            like_ids,
            levels[like_ids[0]],
            Severity.WARNING,
            "Name what only names rows in data.ignore; what repeats may be a validation.group.",
        )
    if many:
        yield _levels(
            many,
            levels[many[0]],
            Severity.INFO,
            "Grouping rare levels may help; nothing must be done.",
        )


def _levels(names: Sequence[str], n_levels: int, severity: Severity, advice: str) -> Finding:
    more = "; nearly every row has its own" if severity is Severity.WARNING else ""
    return Finding(
        check="many_levels",
        severity=severity,
        message=f"{named(names)}: categories with many levels ({n_levels} in the first){more}.",
        advice=advice,
        columns=tuple(names),
        evidence={"n_columns": float(len(names)), "n_levels": float(n_levels)},
    )


def check_counters(table: CheckedTable) -> Iterator[Finding]:
    """Finds whole numbers that count the rows: they say where a row stood, not what it is."""
    names = [c.name for c in table.schema if c.kind == "numeric"]
    rows = table.sample_cells(table.development, names)
    if len(rows) < _FEWEST_FOR_COUNTER:
        return
    few = rows[:_FEWEST_FOR_COUNTER]
    names = [name for name in names if _counts_rows(table.numbers(name, few), few)]
    found = [name for name in names if _counts_rows(table.numbers(name, rows), rows)]
    if found:
        yield Finding(
            check="row_counter",
            severity=Severity.WARNING,
            message=f"{named(found)} numbers the rows.",
            advice="Name it in data.ignore: its values mean nothing for new rows.",
            columns=tuple(found),
            evidence={"n_columns": float(len(found))},
        )


def _counts_rows(values: Floats, rows: Rows) -> bool:
    """Whether the values rise (or fall) with the rows by about one a row."""
    if np.isnan(values).any() or (values != np.floor(values)).any():
        return False
    steps = np.diff(values)
    if not ((steps > 0).all() or (steps < 0).all()):
        return False
    # Dropped rows leave gaps; timestamps leave far larger ones.
    return bool(abs(values[-1] - values[0]) <= 1.5 * (rows[-1] - rows[0] + 1))


def check_dates(table: CheckedTable) -> Iterator[Finding]:
    """Finds whole numbers that are days written without signs, such as 20260131."""
    names = [c.name for c in table.schema if c.kind == "numeric"]
    rows = table.sample_cells(table.development, names)
    found = [name for name in names if _are_days(table.numbers(name, rows))]
    if found:
        yield Finding(
            check="numeric_dates",
            severity=Severity.INFO,
            message=f"{named(found)} looks like days written as numbers, such as 20260131.",
            advice="Write them as 2026-01-31, and weekday, month and distance can be learned.",
            columns=tuple(found),
            evidence={"n_columns": float(len(found))},
        )


def _are_days(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    if not len(known) or known.min() < 19000101 or known.max() > 20991231:
        return False
    days = np.unique(known)
    if len(days) < _FEWEST_DAYS:
        return False
    month, day = days // 100 % 100, days % 100
    return bool(((days % 1 == 0) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())


def check_dropped(table: CheckedTable) -> Iterator[Finding]:
    """Tells which columns were left out: all different, all the same, or empty."""
    by_reason: dict[str, list[str]] = {}
    for entry in table.dropped:
        by_reason.setdefault(entry["reason"], []).append(entry["column"])
    for reason, names in by_reason.items():
        yield Finding(
            check=_DROPPED[reason],
            severity=Severity.INFO,
            message=f"Left out, {REASONS[reason]}: {named(names)}.",
            advice="Nothing must be done.",
            columns=tuple(names),
            evidence={"n_columns": float(len(names))},
        )
