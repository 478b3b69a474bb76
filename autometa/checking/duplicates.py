"""Rows that stand on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from autometa.checking.finding import Finding, Severity, percent
from autometa.checking.table import CheckedTable
from autometa.split import Rows

Hashes: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_MOST_HASHED = 6_000_000  # cells
_FEWEST = 3  # fewer equal rows happen
_LEAST_SHARE = 0.01
_ALL = 0.99
_CHANCE_FACTOR = 20.0
_ODD = np.uint64(0x9E3779B97F4A7C15)


def check_duplicates(table: CheckedTable) -> Iterator[Finding]:
    """Finds rows whose features stand in the test part too, and on both sides of folds.

    When the whole test part was seen, although hardly a row repeats within the development part,
    the test score is about memory alone: that is the one error. Where so few values are possible
    that rows must repeat, it is good to know and no more.
    """
    if not table.names:
        return
    hashes = _row_hashes(table)
    is_few = _few_are_possible(table)
    if len(table.test):
        yield from _across_test(table, hashes, is_few=is_few)
    yield from _across_folds(table, hashes, is_few=is_few)


def _across_test(table: CheckedTable, hashes: Hashes, *, is_few: bool) -> Iterator[Finding]:
    seen = np.isin(hashes[table.test], hashes[table.development])
    n, share = int(seen.sum()), float(seen.mean())
    if not n:
        return
    evidence = {"n_rows": float(n), "share": round(share, 4)}
    part = f"{n} of {len(seen)} test rows ({percent(share)})"
    if share >= _ALL and len(seen) >= 10 and not is_few and _repeated(table, hashes) < 0.5:
        yield Finding(
            check="duplicates_test",
            severity=Severity.ERROR,
            message=f"{part} also stand in the development part, so the test score means nothing.",
            advice="Give another data.test, or leave it out to have one set aside.",
            evidence=evidence,
        )
        return
    yield Finding(
        check="duplicates_test",
        severity=_severity(n, share, is_few=is_few),
        message=f"{part} have the same features as a row of the development part.",
        advice=_advice(is_few=is_few),
        evidence=evidence,
    )


def _across_folds(table: CheckedTable, hashes: Hashes, *, is_few: bool) -> Iterator[Finding]:
    rows = table.development
    codes = table.split.codes[rows]
    _, groups = np.unique(hashes[rows], return_inverse=True)
    first = np.full(int(groups.max()) + 1, np.iinfo(np.int64).max)
    last = np.full(len(first), np.iinfo(np.int64).min)
    np.minimum.at(first, groups, codes)
    np.maximum.at(last, groups, codes)
    crossing = (first != last)[groups]
    n, share = int(crossing.sum()), float(crossing.mean())
    if not n:
        return
    yield Finding(
        check="duplicates_folds",
        severity=_severity(n, share, is_few=is_few),
        message=f"{n} rows ({percent(share)}) have the same features as a row of another fold.",
        advice=_advice(is_few=is_few),
        evidence={"n_rows": float(n), "share": round(share, 4)},
    )


def _severity(n: int, share: float, *, is_few: bool) -> Severity:
    is_much = n >= _FEWEST and share >= _LEAST_SHARE and not is_few
    return Severity.WARNING if is_much else Severity.INFO


def _advice(*, is_few: bool) -> str:
    if is_few:
        return "So few different rows are possible that this must happen."
    return (
        "Remove repeated rows, or name the column that tells whose they are as validation.group; "
        "scores are too good otherwise."
    )


def _repeated(table: CheckedTable, hashes: Hashes) -> float:
    """Gives the share of development rows that repeat another one."""
    rows = table.development
    return 1.0 - len(np.unique(hashes[rows])) / max(1, len(rows))


def _few_are_possible(table: CheckedTable) -> bool:
    """Whether the product of the numbers of values per column is of the size of the table."""
    rows = table.sample_cells(table.development, table.names)
    possible = 0.0
    for name in table.names:
        possible += np.log(len(np.unique(table.numbers(name, rows))))
        if possible > np.log(_CHANCE_FACTOR * len(table.y)):
            return False
    return True


def _row_hashes(table: CheckedTable) -> Hashes:
    """Gives (n,) a number per row: equal for equal features.

    A table with more cells than can be looked at is hashed by some columns first; only rows that
    are equal in these are looked at in full.
    """
    n_rows, names = len(table.y), table.names
    if n_rows * len(names) <= _MOST_HASHED:
        return _hash(table, names, np.arange(n_rows))
    rng = np.random.default_rng([table.seed, 2])
    n_first = max(1, _MOST_HASHED // (2 * n_rows))
    first = [names[i] for i in np.sort(rng.permutation(len(names))[:n_first])]
    hashes = _hash(table, first, np.arange(n_rows))
    _, groups, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    candidates = np.flatnonzero(counts[groups] > 1)
    most = max(1, _MOST_HASHED // (2 * len(names)))
    looked_at = _some_groups(groups, candidates, most, len(counts))
    # Who was not looked at in full counts as different from all others.
    unique = np.arange(n_rows, dtype=np.uint64) * _ODD
    unique[looked_at] = _hash(table, names, looked_at)
    return unique


def _some_groups(groups: Rows, candidates: Rows, most: int, n_groups: int) -> Rows:
    """Gives candidates, whole groups only as far as possible, at most so many."""
    if len(candidates) <= most:
        return candidates
    # A multiplicative hash of the group's number deals groups evenly, the same way every time.
    dealt = (groups[candidates].astype(np.uint64) * _ODD) >> np.uint64(11)
    order = np.argsort(dealt, kind="stable")
    return np.sort(candidates[order[:most]])


def _hash(table: CheckedTable, names: Sequence[str], rows: Rows) -> Hashes:
    total = np.zeros(len(rows), dtype=np.uint64)
    whole = len(rows) == len(table.y)
    for index, name in enumerate(names):
        # Adding zero makes -0.0 and 0.0 one; all gaps are one as well.
        values = table.numbers(name, slice(None) if whole else rows) + 0.0
        bits = np.where(np.isnan(values), np.inf, values).view(np.uint64)
        total += _mixed(bits ^ np.uint64((index + 1) * int(_ODD) % 2**64))
    return total


def _mixed(bits: Hashes) -> Hashes:
    """Spreads every bit over the word. Source: splitmix64 (Steele et al., 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
