"""Options of the encoding, and the fit that freezes them into a plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.encoding.categories import Counts, category_steps, count_levels
from autometa.encoding.columns import Floats, column_kind
from autometa.encoding.numbers import SCALES, numeric_steps
from autometa.encoding.plan import EncodingPlan
from autometa.encoding.steps import Step
from autometa.encoding.target import Target
from autometa.encoding.text import text_step

if TYPE_CHECKING:
    import pandas as pd

_CHOICES = {
    "missing": ("impute", "keep"),
    "scale": SCALES,
    "categorical": ("onehot", "ordinal", "target"),
}
_MAX_CELLS = 2**28  # float32 cells of one encoded table: 1 GiB


@dataclass(frozen=True, slots=True, kw_only=True)
class TabularEncoder:
    """How typed columns become numbers. Holds options only; `fit` gives an `EncodingPlan`.

    By type of column: numbers and booleans are imputed and scaled; dates give year, month,
    weekday, hour and elapsed days, treated as numbers, without the parts that never change;
    categories are encoded as `categorical` says; texts become TF-IDF over hashed words.
    Columns that carry nothing (one level, all missing, one moment) get no output, except numbers.

    Args:
        missing: ``impute``: numbers get the training median and an indicator where the training
            rows had gaps, ordinal codes get -1. ``keep``: they stay NaN, for learners that take
            it; a number that never was missing in training is imputed all the same.
        scale: ``none``; ``standard`` (mean, standard deviation); ``robust`` (median, quartile
            range); ``squash`` (robust, then smoothly clipped to ±3). One-hot outputs and
            ordinal codes are never scaled, target maps with everything but ``none``.
        categorical: ``onehot``, ``ordinal`` or ``target``. With ``onehot``, a column of more than
            `max_levels` levels gets a target map on top, when there is a target.
        max_levels: Levels of a column that get an own output or code; rarer ones share one.
        min_count: Training rows below which a level counts as rare.
        smoothing: Weight m >= 0 of the overall mean in a target map, in rows.
        text_hashes: Words and pairs of words per text column that count, the commonest, >= 2;
            hashed, so nothing but their hashes is kept.
        text_components: Singular vectors these are projected on; 0 = none.
        max_width: Outputs that `max_levels` and `text_hashes` may add up to; both are lowered
            for tables that would exceed it (or 1 GiB).

    Raises:
        ValueError: If an option has none of its values.
    """

    missing: str = "impute"
    scale: str = "standard"
    categorical: str = "onehot"
    max_levels: int = 32
    min_count: int = 2
    smoothing: float = 10.0
    text_hashes: int = 2048
    text_components: int = 32
    max_width: int = 10_000

    def __post_init__(self) -> None:
        for option, allowed in _CHOICES.items():
            if (got := getattr(self, option)) not in allowed:
                raise ValueError(f"{option} must be one of {', '.join(allowed)}; got {got!r}")

    def fit(
        self,
        X: pd.DataFrame,
        y: np.ndarray[Any, Any] | None = None,
        *,
        n_classes: int | None = None,
        sample_weight: np.ndarray[Any, Any] | None = None,
        rng: np.random.Generator,
    ) -> EncodingPlan:
        """Gives the plan for these training rows.

        To encode the same rows for training use `fit_transform`: it does not show a row its own
        target.

        Args:
            X: (n, d) typed columns, n >= 1.
            y: (n,) values or class indices, or (n, n_classes) soft labels; only target maps use it.
            n_classes: Number of classes; None for regression.
            sample_weight: (n,) positive, or None; only target maps use it.
            rng: Draws the folds of target maps and the start of the text projection.

        Raises:
            ValueError: If `categorical` is ``target`` and there is no y.
            DataError: If a column has a type that no encoding takes.
        """
        return self._fit(X, self._target(y, n_classes, sample_weight), rng)[0]

    def fit_transform(
        self,
        X: pd.DataFrame,
        y: np.ndarray[Any, Any] | None = None,
        *,
        n_classes: int | None = None,
        sample_weight: np.ndarray[Any, Any] | None = None,
        rng: np.random.Generator,
    ) -> tuple[EncodingPlan, Floats]:
        """Gives the plan and the encoded training rows, (n, width) float32.

        Target maps are cross-fitted: a row's value comes from the rows of the other four folds,
        so the result differs from ``plan.transform(X)`` there. Arguments as in `fit`.
        """
        plan, held_out = self._fit(X, self._target(y, n_classes, sample_weight), rng)
        encoded = plan.transform(X)
        for index, values in held_out.items():
            encoded[:, plan.slices[index]] = values
        return plan, encoded

    def _target(
        self,
        y: np.ndarray[Any, Any] | None,
        n_classes: int | None,
        sample_weight: np.ndarray[Any, Any] | None,
    ) -> Target | None:
        if y is not None:
            return Target.of(y, n_classes, sample_weight)
        if self.categorical == "target":
            raise ValueError("categorical='target' needs y; give it or choose another encoding")
        return None

    def _fit(
        self, X: pd.DataFrame, target: Target | None, rng: np.random.Generator
    ) -> tuple[EncodingPlan, dict[int, Floats]]:
        """Gives the plan, and by index of the step the cross-fitted values of target maps."""
        pairs = list(self._steps(X, target, rng))
        held_out = {i: values for i, (_, values) in enumerate(pairs) if values is not None}
        return EncodingPlan(tuple(step for step, _ in pairs)), held_out

    def _steps(
        self, X: pd.DataFrame, target: Target | None, rng: np.random.Generator
    ) -> Iterator[tuple[Step, Floats | None]]:
        columns = {str(name): values for name, values in X.items()}
        kinds = {name: column_kind(values) for name, values in columns.items()}
        counts = {
            name: count_levels(columns[name]) for name, kind in kinds.items() if kind == "category"
        }
        max_levels, n_hashes = self._fitting_sizes(len(X), kinds, counts)
        folds = None if target is None else target.folds(rng)
        for name, kind in kinds.items():
            if kind == "category":
                yield from category_steps(
                    name, counts[name], self, max_levels=max_levels, target=target, folds=folds
                )
            elif kind == "text":
                step = text_step(
                    columns[name], n_hashes, self.text_components, scale=self.scale, rng=rng
                )
                if step is not None:
                    yield step, None
            else:
                keep = self.missing == "keep"
                numbers = numeric_steps(columns[name], kind, keep_missing=keep, scale=self.scale)
                for number in numbers:
                    yield number, None

    def _fitting_sizes(
        self, n: int, kinds: dict[str, str], counts: dict[str, Counts]
    ) -> tuple[int, int]:
        """Lowers `max_levels` and `text_hashes` by halves until the width fits."""
        budget = max(min(self.max_width, _MAX_CELLS // max(n, 1)), 2 * len(kinds))
        levels, hashes = self.max_levels, self.text_hashes
        one_hot = [len(c.levels) for c in counts.values() if self.categorical == "onehot"]
        while levels > 1 and sum(min(count, levels) for count in one_hot) > budget:
            levels //= 2
        n_texts = sum(kind == "text" for kind in kinds.values())
        while self.text_components == 0 and hashes > 64 and hashes * n_texts > budget:
            hashes //= 2
        return levels, hashes
