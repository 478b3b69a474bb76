"""Rows that stand on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from autometa.checking.finding import Finding, Severity, percent
from autometa.checking.table import CheckedTable
from autometa.split import Mask, Rows

Hashes: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_MOST_HASHED = 6_000_000  # cells
_FEWEST = 3  # fewer equal rows happen
_LEAST_SHARE = 0.01
_ALL = 0.99
_BY_CHANCE = 0.5
_DIFFERENT = 0.1
_SAME = 0.9
_MOST_LEFT_OUT = 6  # columns
_MOST_COUNTED = 1_500_000  # rows, times pairs of columns
_ODD = np.uint64(0x9E3779B97F4A7C15)


def check_duplicates(table: CheckedTable) -> Iterator[Finding]:
    """Finds rows whose features stand in the test part too, and on both sides of folds.

    When the whole test part was seen, although hardly a row repeats within the development part,
    the test score is about memory alone: that is the one error. Where values are so coarse that
    rows repeat by chance, it is good to know and no more.
    """
    if not table.names:
        return
    hashed = _hash_rows(table)
    hashes, is_chance = hashed.hashes, _is_by_chance(table, hashed)
    if len(table.test):
        yield from _across_test(table, hashes, is_chance=is_chance)
    yield from _across_folds(table, hashes, is_chance=is_chance)


def _across_test(table: CheckedTable, hashes: Hashes, *, is_chance: bool) -> Iterator[Finding]:
    seen = np.isin(hashes[table.test], hashes[table.development])
    n, share = int(seen.sum()), float(seen.mean())
    if not n:
        return
    evidence = {"n_rows": float(n), "share": round(share, 4)}
    part = f"{n} of {len(seen)} test rows ({percent(share)})"
    if share >= _ALL and len(seen) >= 10 and not is_chance and _repeated(table, hashes) < 0.5:
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
        severity=_severity(n, share, is_chance=is_chance),
        message=f"{part} have the same features as a row of the development part.",
        advice=_advice(is_chance=is_chance),
        evidence=evidence,
    )


def _across_folds(table: CheckedTable, hashes: Hashes, *, is_chance: bool) -> Iterator[Finding]:
    rows = table.development
    codes = table.split.codes[rows]
    crossing = _differ_within(hashes[rows], codes)
    n, share = int(crossing.sum()), float(crossing.mean())
    if not n:
        return
    yield Finding(
        check="duplicates_folds",
        severity=_severity(n, share, is_chance=is_chance),
        message=f"{n} rows ({percent(share)}) have the same features as a row of another fold.",
        advice=_advice(is_chance=is_chance),
        evidence={"n_rows": float(n), "share": round(share, 4)},
    )


def _severity(n: int, share: float, *, is_chance: bool) -> Severity:
    is_much = n >= _FEWEST and share >= _LEAST_SHARE and not is_chance
    return Severity.WARNING if is_much else Severity.INFO


def _advice(*, is_chance: bool) -> str:
    if is_chance:
        return (
            "Rows that nearly repeat are common, too, so it may be chance; remove copies, if any."
        )
    return (
        "Remove repeated rows, or name the column that tells whose they are as validation.group; "
        "scores are too good otherwise."
    )


def _repeated(table: CheckedTable, hashes: Hashes) -> float:
    """Gives the share of development rows that repeat another one."""
    rows = table.development
    return 1.0 - len(np.unique(hashes[rows])) / max(1, len(rows))


def _is_by_chance(table: CheckedTable, hashed: _Hashed) -> bool:
    """Whether repeated rows are what coarse values make anyway, and no copies."""
    if _repeat_in_target(table, hashed):
        return False
    n_equal = _n_pairs(hashed.hashes[hashed.rows])
    return n_equal > 0 and _expected_pairs(table, hashed) >= _BY_CHANCE * n_equal


def _expected_pairs(table: CheckedTable, hashed: _Hashed) -> float:
    """Gives how many pairs of equal rows chance would make.

    Among the pairs of rows that are equal but for the columns j and k, let a differ in j only, b
    in k only and c in both. If j and k coincide independently there, a b / c pairs differ in
    neither. Copies add to these, not to a, b and c. The largest estimate of some columns is taken:
    columns that go together only lower it.
    """
    rows, hashes = hashed.rows, hashed.hashes[hashed.rows]
    most = int(min(_MOST_LEFT_OUT, max(2.0, np.sqrt(2 * _MOST_COUNTED / max(1, len(rows))))))
    chosen = np.random.default_rng([table.seed, 4]).permutation(hashed.columns)[:most]
    own = {int(index): _hash_column(table, int(index), rows) for index in chosen}
    n_equal = _n_pairs(hashes)
    without = {index: _n_pairs(hashes - column) - n_equal for index, column in own.items()}
    if len(own) < 2:
        return float("inf")
    estimates = []
    for j, k in combinations(own, 2):
        n_but_both = _n_pairs(hashes - own[j] - own[k])
        n_both = n_but_both - n_equal - without[j] - without[k]
        estimates.append(without[j] * without[k] / max(1.0, n_both))
    return max(estimates)


def _n_pairs(hashes: Hashes) -> float:
    """Gives the number of pairs of equal values."""
    counts = np.unique(hashes, return_counts=True)[1].astype(np.float64)
    return float((counts * (counts - 1.0)).sum() / 2.0)


def _repeat_in_target(table: CheckedTable, hashed: _Hashed) -> bool:
    """Whether repeated rows have the same number as target, of numbers that hardly repeat."""
    hashes, y = hashed.hashes[hashed.rows], table.y[hashed.rows]
    if table.n_classes is not None or len(np.unique(y)) < _DIFFERENT * len(y):
        return False
    _, groups, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    repeated = counts[groups] > 1
    same = ~_differ_within(hashes, y)[repeated]
    return len(same) > 0 and float(same.mean()) >= _SAME


def _differ_within(groups: Hashes, values: np.ndarray[Any, Any]) -> Mask:
    """Tells for each row whether the values of its group are not all the same."""
    _, numbers = np.unique(groups, return_inverse=True)
    some = np.empty(int(numbers.max()) + 1, dtype=values.dtype)
    some[numbers] = values  # any one of each group
    differs = np.zeros(len(some), dtype=bool)
    differs[numbers[some[numbers] != values]] = True
    return np.asarray(differs[numbers])


@dataclass(frozen=True, slots=True)
class _Hashed:
    """Rows as numbers.

    Args:
        hashes: (n,) equal for rows of equal features.
        rows: Positions of the rows whose hash is of all columns; all others are different.
        columns: Indices of columns in which two of `rows` may differ alone.
    """

    hashes: Hashes
    rows: Rows
    columns: Rows


def _hash_rows(table: CheckedTable) -> _Hashed:
    """Hashes all rows.

    A table with more cells than can be looked at is hashed by some columns first; only rows that
    are equal in these are looked at in full.
    """
    n_rows, n_columns = len(table.y), len(table.names)
    everything = np.arange(n_rows)
    if n_rows * n_columns <= _MOST_HASHED:
        hashes = _hash(table, range(n_columns), everything)
        return _Hashed(hashes, everything, np.arange(n_columns))
    order = np.random.default_rng([table.seed, 2]).permutation(n_columns)
    n_first = max(1, min(n_columns - 1, _MOST_HASHED // (2 * n_rows)))
    hashes = _hash(table, order[:n_first], everything)
    _, groups, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    candidates = np.flatnonzero(counts[groups] > 1)
    rows = _some_groups(groups, candidates, max(1, _MOST_HASHED // (2 * n_columns)))
    # Who was not looked at in full counts as different from all others.
    unique = np.arange(n_rows, dtype=np.uint64) * _ODD
    unique[rows] = _hash(table, range(n_columns), rows)
    return _Hashed(unique, rows, order[n_first:])


def _some_groups(groups: Rows, candidates: Rows, most: int) -> Rows:
    """Gives candidates, whole groups only as far as possible, at most so many."""
    if len(candidates) <= most:
        return candidates
    # A multiplicative hash of the group's number deals groups evenly, the same way every time.
    dealt = (groups[candidates].astype(np.uint64) * _ODD) >> np.uint64(11)
    order = np.argsort(dealt, kind="stable")
    return np.sort(candidates[order[:most]])


def _hash(table: CheckedTable, columns: Iterable[int], rows: Rows) -> Hashes:
    """Gives the sum of the columns' hashes, so that one can be taken out again."""
    total = np.zeros(len(rows), dtype=np.uint64)
    for index in columns:
        total += _hash_column(table, int(index), rows)
    return total


def _hash_column(table: CheckedTable, index: int, rows: Rows) -> Hashes:
    is_whole = len(rows) == len(table.y)
    # Adding zero makes -0.0 and 0.0 one; all gaps are one as well.
    values = table.numbers(table.names[index], slice(None) if is_whole else rows) + 0.0
    bits = np.where(np.isnan(values), np.inf, values).view(np.uint64)
    return _mixed(bits ^ np.uint64((index + 1) * int(_ODD) % 2**64))


def _mixed(bits: Hashes) -> Hashes:
    """Spreads every bit over the word. Source: splitmix64 (Steele et al., 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
