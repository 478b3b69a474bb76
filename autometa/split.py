"""Which rows are fitted on, scored on and kept apart: made once, before the search starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autometa.errors import DataError

Rows: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Mask: TypeAlias = np.ndarray[Any, np.dtype[np.bool_]]

TEST = -2
"""Code of a row of the test part."""

TRAIN = -1
"""Code of a row that every fold trains on and none scores."""

FEWEST_ROWS = 4
"""Rows with a target without which nothing can be fitted and scored."""

_FEWEST_FOR_TEST = 10
_HOLDOUT = 0.2
_FEW_ROWS = 2_000  # up to here one holdout is too small to choose by
_GROUP_BINS = 10
_MOST_CELLS = 5_000_000


@dataclass(frozen=True, slots=True)
class Split:
    """The part of every row.

    Args:
        kind: ``holdout``, ``kfold``, ``group`` or ``time``.
        codes: (n,) integers: `TEST`, `TRAIN`, or the fold that scores the row. For ``time`` the
            number of its block, oldest first; fold k trains on blocks 0 to k and scores block
            k + 1.

    Example:
        >>> split = Split("kfold", np.array([0, 1, 0, 1, TEST]))
        >>> split.train_rows(0).tolist(), split.valid_rows(0).tolist(), split.test_rows().tolist()
        ([1, 3], [0, 2], [4])
    """

    kind: str
    codes: Rows

    @property
    def n_folds(self) -> int:
        """Number of folds, at least 1."""
        return int(self.codes.max()) + (0 if self.kind == "time" else 1)

    def train_rows(self, fold: int) -> Rows:
        """Gives the positions that this fold trains on, rising."""
        if self.kind == "time":
            return np.flatnonzero((self.codes >= 0) & (self.codes <= fold))
        return np.flatnonzero((self.codes != fold) & (self.codes != TEST))

    def valid_rows(self, fold: int) -> Rows:
        """Gives the positions that this fold scores, rising."""
        return np.flatnonzero(self.codes == (fold + 1 if self.kind == "time" else fold))

    def test_rows(self) -> Rows:
        """Gives the positions of the test part, rising; may be empty."""
        return np.flatnonzero(self.codes == TEST)

    def development_rows(self) -> Rows:
        """Gives all other positions, rising."""
        return np.flatnonzero(self.codes != TEST)


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequest:
    """How to split.

    Args:
        kind: ``auto``, ``holdout``, ``kfold``, ``group``, ``time`` or ``single``. ``auto`` follows
            `groups` or `times` where given; else 5 folds up to 10,000 development rows, 3 up to
            50,000, and a holdout of 20 % above. ``single``, where one fold's model is delivered
            and fits of other folds only judge: 5 folds up to 2,000 development rows, and a
            holdout above.
        test_fraction: Share of the rows that becomes the test part, in [0, 1).
        n_folds: Number of folds, at least 1; None = as for ``auto``.
        seed: Seed of the shuffles.
        labels: (n,) class indices, by which parts are balanced; None for regression.
        classes: Class labels by index.
        groups: (n,) integers; rows of one group stay together. None = every row alone.
        times: (n,) numbers; later rows have greater ones. None = no order.
        is_test: (n,) marks a given test part; None = split one off.
    """

    n_rows: int
    kind: str = "auto"
    test_fraction: float = 0.2
    n_folds: int | None = None
    seed: int = 0
    labels: Rows | None = None
    classes: Sequence[str] = ()
    groups: Rows | None = None
    times: np.ndarray[Any, Any] | None = None
    is_test: Mask | None = None


def make_split(request: SplitRequest) -> tuple[Split, list[str]]:
    """Sets the test part aside, then makes the folds of the rest.

    Returns:
        The split, and what the user should know about it, one line each.

    Raises:
        DataError: If there are too few rows, groups, moments or classes to fit and to score.
    """
    rng = np.random.default_rng(request.seed)
    warnings: list[str] = []
    require_rows(request.n_rows - (0 if request.is_test is None else int(request.is_test.sum())))
    kind = _kind(request)
    codes = np.full(request.n_rows, TEST, dtype=np.int64)
    rows = np.flatnonzero(~_test_part(request, kind, rng, warnings))
    codes[rows] = _FOLDERS[kind](request, rows, rng, warnings)
    if codes.max() < 0:
        raise DataError(
            "No row can be scored: every class has one row.",
            hint="Add rows, or choose another target.",
        )
    split = Split("holdout" if kind == "kfold" and codes.max() == 0 else kind, codes)
    return split, warnings


def _kind(request: SplitRequest) -> str:
    if request.kind in ("auto", "group") and request.groups is not None:
        return "group"
    if request.kind in ("auto", "time") and request.times is not None:
        return "time"
    return "kfold" if request.kind in ("auto", "holdout", "single") else request.kind


def _n_folds(request: SplitRequest, n_rows: int) -> int:
    if request.kind == "holdout" or (request.kind == "single" and n_rows > _FEW_ROWS):
        return 1
    if request.n_folds is not None:
        return request.n_folds
    if request.kind == "kfold" or n_rows <= 10_000:
        return 5
    return 3 if n_rows <= 50_000 else 1


def require_rows(n_rows: int) -> None:
    """Checks that there are enough rows with a target.

    Raises:
        DataError: If there are fewer than `FEWEST_ROWS`.
    """
    if n_rows < FEWEST_ROWS:
        rows = "row" if n_rows == 1 else "rows"
        raise DataError(
            f"The data has {n_rows} usable {rows}, but at least {FEWEST_ROWS} are needed "
            "to fit and to score.",
            hint="Add rows; rows without a target do not count.",
        )


def _test_part(
    request: SplitRequest, kind: str, rng: np.random.Generator, warnings: list[str]
) -> Mask:
    if request.is_test is not None:
        return request.is_test
    none = np.zeros(request.n_rows, dtype=bool)
    if request.test_fraction == 0:
        return none
    if request.n_rows < _FEWEST_FOR_TEST:
        warnings.append(f"only {request.n_rows} rows: no test part is set aside")
        return none
    if kind == "group":
        return _group_test(request, rng, warnings)
    if kind == "time":
        assert request.times is not None
        return np.asarray(_blocks(request.times, [1 - request.test_fraction]) == 1)
    # Two rows of a class: one to fit on and one to score.
    return _random_part(request.labels, request.test_fraction, rng, n_rows=request.n_rows, n_left=2)


def _random_part(
    labels: Rows | None, fraction: float, rng: np.random.Generator, *, n_rows: int, n_left: int
) -> Mask:
    """Draws a share of each class, but leaves at least `n_left` rows of it behind."""
    strata = np.zeros(n_rows, dtype=np.int64) if labels is None else labels
    counts = np.bincount(strata)
    quota = np.minimum(counts * fraction, np.maximum(counts - n_left, 0))
    taken = np.floor(quota).astype(np.int64)
    # The rows lost to rounding go to the largest remainders, so that the share comes out right.
    for stratum in np.argsort(taken - quota, kind="stable")[: round(float((quota - taken).sum()))]:
        taken[stratum] += 1
    order = _shuffled_by(strata, rng)
    rank = np.arange(n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    part = np.zeros(n_rows, dtype=bool)
    part[order[rank < np.repeat(taken, counts)]] = True
    return part


def _shuffled_by(strata: Rows, rng: np.random.Generator) -> Rows:
    """Gives all positions, sorted by stratum, shuffled within each."""
    order = rng.permutation(len(strata))
    return order[np.argsort(strata[order], kind="stable")]


def _random_folds(
    request: SplitRequest, rows: Rows, rng: np.random.Generator, warnings: list[str]
) -> Rows:
    labels = None if request.labels is None else request.labels[rows]
    n_folds = _n_folds(request, len(rows))
    single = np.zeros(len(rows), dtype=bool)
    if labels is not None:
        counts = np.bincount(labels, minlength=len(request.classes))
        single = counts[labels] == 1
        _warn_of_single(request.classes, counts, warnings)
    if n_folds == 1:
        part = _random_part(labels, _HOLDOUT, rng, n_rows=len(rows), n_left=1)
        return np.where(part, 0, TRAIN)
    n_folds = _fewer_folds(request, labels, len(rows), n_folds, warnings)
    codes = np.full(len(rows), TRAIN, dtype=np.int64)
    dealt = np.flatnonzero(~single)
    strata = np.zeros(len(dealt), dtype=np.int64) if labels is None else labels[dealt]
    # Dealing class after class, never starting anew, balances classes and sizes at once.
    codes[dealt[_shuffled_by(strata, rng)]] = np.arange(len(dealt)) % n_folds
    return codes


def _warn_of_single(classes: Sequence[str], counts: Rows, warnings: list[str]) -> None:
    singles = [name for name, count in zip(classes, counts, strict=True) if count == 1]
    if singles:
        shown = ", ".join(map(repr, singles[:3])) + (", ..." if len(singles) > 3 else "")
        warnings.append(
            f"{len(singles)} classes with one row ({shown}): kept for training, never scored"
            if len(singles) > 1
            else f"class {shown} has one row: kept for training, never scored"
        )


def _fewer_folds(
    request: SplitRequest, labels: Rows | None, n_rows: int, n_folds: int, warnings: list[str]
) -> int:
    """Lowers the number of folds to what the rows and the rarest class can fill."""
    fewer = min(n_folds, max(2, n_rows // 2))
    reason = f"only {n_rows} rows"
    if labels is not None:
        counts = np.bincount(labels)
        rarest = int(np.where(counts > 1, counts, n_rows).argmin())
        # Below three folds too little would be left to train on.
        if max(3, counts[rarest]) < fewer and counts[rarest] > 1:
            fewer = max(3, int(counts[rarest]))
            reason = f"class {request.classes[rarest]!r} has {counts[rarest]} rows"
    if fewer < n_folds:
        warnings.append(f"{reason}: {fewer} folds instead of {n_folds}")
    return fewer


def _group_test(request: SplitRequest, rng: np.random.Generator, warnings: list[str]) -> Mask:
    assert request.groups is not None
    n_groups = len(np.unique(request.groups))
    if n_groups < 3:
        warnings.append(f"only {n_groups} groups: no test part is set aside")
        return np.zeros(request.n_rows, dtype=bool)
    n_bins = min(_GROUP_BINS, n_groups)
    n_taken = min(max(1, round(n_bins * request.test_fraction)), n_bins - 2)
    return _deal_groups(request.groups, request.labels, n_bins, rng) < n_taken


def _group_folds(
    request: SplitRequest, rows: Rows, rng: np.random.Generator, warnings: list[str]
) -> Rows:
    assert request.groups is not None
    groups = request.groups[rows]
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise DataError(
            f"The group column has {n_groups} different value, but at least 2 are needed.",
            hint="Choose another column as validation.group, or another validation.kind.",
        )
    labels = None if request.labels is None else request.labels[rows]
    n_folds = _n_folds(request, len(rows))
    if n_folds == 1:
        part = _deal_groups(groups, labels, min(5, n_groups), rng) == 0
        return np.where(part, 0, TRAIN)
    if n_groups < n_folds:
        warnings.append(f"only {n_groups} groups: {n_groups} folds instead of {n_folds}")
    return _deal_groups(groups, labels, min(n_folds, n_groups), rng)


def _deal_groups(groups: Rows, labels: Rows | None, n_bins: int, rng: np.random.Generator) -> Rows:
    """Deals whole groups, largest first, each to the bin that stays most even over classes."""
    names, members = np.unique(groups, return_inverse=True)
    strata = np.zeros(len(groups), dtype=np.int64) if labels is None else labels
    if len(names) * (int(strata.max()) + 1) > _MOST_CELLS:
        strata = np.zeros(len(groups), dtype=np.int64)
    share = np.zeros((len(names), int(strata.max()) + 1))  # (groups, classes)
    np.add.at(share, (members, strata), 1.0)
    sizes = share.sum(axis=1)
    share /= np.maximum(share.sum(axis=0), 1.0)
    filled = np.zeros((n_bins, share.shape[1]))
    bins = np.zeros(len(names), dtype=np.int64)
    order = rng.permutation(len(names))
    for group in order[np.argsort(-sizes[order], kind="stable")]:
        # Growth of the sum of squares: smallest where these classes are rarest.
        growth = (filled * share[group]).sum(axis=1)
        empty = filled.sum(axis=1)
        best = int(np.lexsort((empty, growth))[0])
        bins[group] = best
        filled[best] += share[group]
    return bins[members]


def _time_folds(
    request: SplitRequest, rows: Rows, rng: np.random.Generator, warnings: list[str]
) -> Rows:
    assert request.times is not None
    wanted = _n_folds(request, len(rows))
    times = request.times[rows]
    labels = None if request.labels is None else request.labels[rows]
    n_folds = min(wanted, max(1, len(rows) // 2))
    codes = _even_blocks(times, n_folds)
    # The first block must have two classes to learn from, so it grows until it has.
    while labels is not None and codes.max() > 1 and len(np.unique(labels[codes == 0])) < 2:
        n_folds -= 1
        codes = _even_blocks(times, n_folds)
    if codes.max() < wanted:
        warnings.append(f"too few rows or moments: {codes.max()} folds instead of {wanted}")
    return codes


def _even_blocks(times: np.ndarray[Any, Any], n_folds: int) -> Rows:
    if n_folds == 1:
        return _blocks(times, [1 - _HOLDOUT])
    return _blocks(times, [(block + 1) / (n_folds + 1) for block in range(n_folds)])


def _blocks(times: np.ndarray[Any, Any], shares: Sequence[float]) -> Rows:
    """Cuts rows into blocks by time, near the given shares, never between equal moments.

    Returns:
        (n,) number of the block of each row, oldest 0.

    Raises:
        DataError: If all rows have one moment.
    """
    order = np.argsort(times, kind="stable")
    starts = np.flatnonzero(np.diff(times[order])) + 1
    if len(starts) == 0:
        raise DataError(
            "The time column has one value throughout, so nothing comes later.",
            hint="Choose another column as validation.time, or another validation.kind.",
        )
    nearest = [int(np.abs(starts - share * len(times)).argmin()) for share in shares]
    cuts = starts[sorted(set(nearest))]
    blocks = np.empty(len(times), dtype=np.int64)
    blocks[order] = np.searchsorted(cuts, np.arange(len(times)), side="right")
    return blocks


_FOLDERS = {"kfold": _random_folds, "group": _group_folds, "time": _time_folds}
