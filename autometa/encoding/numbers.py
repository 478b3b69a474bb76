"""Fits the numeric steps: medians, scales, indicators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.columns import DATE_PARTS, Floats, read_numbers, to_float32
from autometa.encoding.steps import NumericStep

if TYPE_CHECKING:
    import pandas as pd

SCALES = ("none", "standard", "robust", "squash")


def numeric_steps(
    series: pd.Series[Any], kind: str, *, keep_missing: bool, scale: str
) -> Iterator[NumericStep]:
    """Gives the step of a number or boolean, or those of a date's parts that ever change."""
    column = str(series.name)
    for part in DATE_PARTS if kind == "date" else ("value",):
        values = to_float32(read_numbers(series, part)).astype(np.float64)
        observed = values[~np.isnan(values)]
        if part == "value" or (observed.size and np.ptp(observed) > 0):
            yield _step(column, part, observed, len(values), keep_missing=keep_missing, scale=scale)


def _step(
    column: str, part: str, observed: Floats, n: int, *, keep_missing: bool, scale: str
) -> NumericStep:
    has_gaps = len(observed) < n
    median = float(np.median(observed)) if observed.size else 0.0
    center, factor = _scaling(observed, median, scale)
    return NumericStep(
        column=column,
        part=part,
        impute=None if has_gaps and keep_missing else median,
        # One indicator per date is enough.
        has_indicator=bool(
            has_gaps and observed.size and not keep_missing and part in ("value", "elapsed_days")
        ),
        center=center,
        factor=factor,
        is_squashed=scale == "squash",
    )


def _scaling(observed: Floats, median: float, scale: str) -> tuple[float, float]:
    """Gives center and factor; a constant column becomes 0 whatever it holds later."""
    if scale == "none":
        return 0.0, 1.0
    if not observed.size:
        return 0.0, 0.0
    if scale == "standard":
        center, spread = float(observed.mean()), float(observed.std())
    else:
        low, high = np.quantile(observed, [0.25, 0.75])
        # More than half of the values are equal: fall back on the range, as the source does.
        center, spread = median, float(high - low) or float(np.ptp(observed)) / 2.0
    # Below this the spread is what rounding to float32 left.
    is_constant = spread <= 1e-7 * abs(center) or spread < 1e-30
    return center, 0.0 if is_constant else 1.0 / spread
