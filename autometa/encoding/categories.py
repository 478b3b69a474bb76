"""Fits the steps of a categorical column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.columns import Floats, Integers
from autometa.encoding.steps import OneHotStep, OrdinalStep, Step, TargetStep

if TYPE_CHECKING:
    import pandas as pd

    from autometa.encoding.encoder import TabularEncoder
    from autometa.encoding.target import Target


@dataclass(frozen=True, slots=True)
class Counts:
    """The levels that occur, in their natural order.

    Args:
        levels: Names of the levels.
        rows: (n,) index of each row's level; -1 = missing.
        sizes: (n_levels,) training rows of each level.
    """

    levels: tuple[str, ...]
    rows: Integers
    sizes: Integers

    @property
    def has_missing(self) -> bool:
        """Whether a training row lacks the value."""
        return bool(len(self.rows) > self.sizes.sum())

    def frequent(self, max_levels: int, min_count: int) -> Integers:
        """Gives the indices of the levels that are not rare, in their order."""
        by_size = np.argsort(-self.sizes, kind="stable")[:max_levels]
        return np.sort(by_size[self.sizes[by_size] >= min_count])


def count_levels(series: pd.Series[Any]) -> Counts:
    """Counts the levels of a categorical column: numbers by value, others as the type orders."""
    column: Any = series.array
    names = [str(level) for level in column.categories]
    sizes = np.bincount(column.codes.astype(np.int64) + 1, minlength=len(names) + 1)[1:]
    order = [code for code in _natural_order(names) if sizes[code]]
    position = np.full(len(names) + 1, -1)
    position[order] = np.arange(len(order))
    return Counts(tuple(names[code] for code in order), position[column.codes], sizes[order])


def _natural_order(names: Sequence[str]) -> list[int]:
    try:
        order: list[int] = np.argsort([float(name) for name in names], kind="stable").tolist()
    except ValueError:
        return list(range(len(names)))
    return order


def category_steps(
    name: str,
    counts: Counts,
    options: TabularEncoder,
    *,
    max_levels: int,
    target: Target | None,
    folds: Integers | None,
) -> list[tuple[Step, Floats | None]]:
    """Gives the steps of one column, each with its cross-fitted training values if it has any."""
    if len(counts.levels) + counts.has_missing < 2:
        return []
    kept = counts.frequent(max_levels, options.min_count)
    if options.categorical == "ordinal":
        return [(_ordinal(name, counts, kept, keeps_missing=options.missing == "keep"), None)]
    steps: list[tuple[Step, Floats | None]] = []
    is_one_hot = options.categorical == "onehot"
    if is_one_hot and len(kept) + counts.has_missing > 0:
        steps.append((_one_hot(name, counts, kept), None))
    needs_map = not is_one_hot or len(counts.levels) > max_levels
    if needs_map and target is not None and folds is not None:
        steps.append(_target_map(name, counts, options, target, folds))
    return steps


def _one_hot(name: str, counts: Counts, kept: Integers) -> OneHotStep:
    return OneHotStep(
        column=name,
        levels=tuple(counts.levels[code] for code in kept),
        has_other=len(kept) < len(counts.levels),
        has_missing=counts.has_missing,
    )


def _ordinal(name: str, counts: Counts, kept: Integers, *, keeps_missing: bool) -> OrdinalStep:
    has_other = len(kept) < len(counts.levels)
    return OrdinalStep(
        column=name,
        levels=tuple(counts.levels[code] for code in kept),
        unseen=float(len(kept)) if has_other or not keeps_missing else None,
        missing=None if keeps_missing else -1.0,
    )


def _target_map(
    name: str, counts: Counts, options: TabularEncoder, target: Target, folds: Integers
) -> tuple[TargetStep, Floats]:
    kept = counts.frequent(len(counts.levels), options.min_count)
    n_kept = len(kept)
    # Codes: the kept levels, then missing, then everything else.
    position = np.full(len(counts.levels) + 1, n_kept + 1)
    position[kept] = np.arange(n_kept)
    position[-1] = n_kept
    codes = position[counts.rows]
    values = target.means(codes, n_kept + 2, options.smoothing)
    values[-1] = target.prior  # a level too rare to be kept says nothing about an unseen one
    held_out = target.held_out_means(codes, n_kept + 2, options.smoothing, folds)
    if options.scale != "none":
        center, spread = held_out.mean(axis=0), held_out.std(axis=0)
        spread[spread <= 1e-7 * np.abs(center)] = np.inf
        values, held_out = (values - center) / spread, (held_out - center) / spread
    levels = tuple(counts.levels[code] for code in kept)
    step = TargetStep(column=name, levels=levels, values=values.astype(np.float32))
    return step, held_out.astype(np.float32)
