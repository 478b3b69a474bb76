"""The target as target maps see it: weighted means per level, with and without a row's own fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autometa.encoding.columns import Floats, Integers

N_FOLDS = 5
_MAX_OUTPUTS = 10  # classes with a map of their own, the most frequent first


@dataclass(frozen=True, slots=True)
class Target:
    """What is averaged per level.

    Args:
        outputs: (n, m): the value; the share of class 1 of two; or of each frequent class.
        weight: (n,) weight of each row.
    """

    outputs: Floats
    weight: Floats

    @classmethod
    def of(
        cls,
        y: np.ndarray[Any, Any],
        n_classes: int | None,
        sample_weight: np.ndarray[Any, Any] | None,
    ) -> Target:
        """Reads values, class indices or soft labels."""
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        if n_classes is None:
            return cls(np.asarray(y, dtype=np.float64)[:, None], weight)
        shares = np.asarray(y, float) if y.ndim == 2 else np.eye(n_classes)[y]
        if n_classes == 2:
            return cls(shares[:, 1:], weight)
        frequent = np.sort(np.argsort(-shares.sum(axis=0), kind="stable")[:_MAX_OUTPUTS])
        return cls(shares[:, frequent], weight)

    @property
    def prior(self) -> Floats:
        """(m,) overall mean."""
        return np.asarray(np.average(self.outputs, axis=0, weights=self.weight))

    def folds(self, rng: np.random.Generator) -> Integers:
        """Deals the rows into folds: (n,) in [0, 5)."""
        return rng.permutation(len(self.outputs)) % N_FOLDS

    def means(self, codes: Integers, n_codes: int, smoothing: float) -> Floats:
        """Gives (n_codes, m) means, each as if `smoothing` more rows had the overall mean.

        Source: Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical
        attributes", as m-estimate.
        """
        sums, sizes = self._totals(codes, n_codes)
        return _shrink(sums, sizes, self.prior, smoothing)

    def held_out_means(
        self, codes: Integers, n_codes: int, smoothing: float, folds: Integers
    ) -> Floats:
        """Gives (n, m): for each row the mean of its level over the other folds' rows."""
        sums, sizes = self._totals(folds * n_codes + codes, N_FOLDS * n_codes)
        sums = sums.reshape(N_FOLDS, n_codes, -1)  # (folds, codes, m)
        sizes = sizes.reshape(N_FOLDS, n_codes)
        others, other_sizes = sums.sum(axis=0) - sums, sizes.sum(axis=0) - sizes
        rest = other_sizes.sum(axis=1)[:, None]  # (folds, 1)
        priors = np.divide(
            others.sum(axis=1), rest, out=np.tile(self.prior, (N_FOLDS, 1)), where=rest > 0
        )
        means = _shrink(others, other_sizes, priors[:, None, :], smoothing)
        return means[folds, codes]

    def _totals(self, codes: Integers, n_codes: int) -> tuple[Floats, Floats]:
        weighted = self.outputs * self.weight[:, None]
        sums = [np.bincount(codes, weights=column, minlength=n_codes) for column in weighted.T]
        sizes = np.bincount(codes, weights=self.weight, minlength=n_codes)
        return np.stack(sums, axis=1), sizes.astype(np.float64)


def _shrink(sums: Floats, sizes: Floats, prior: Floats, smoothing: float) -> Floats:
    total = (sizes + smoothing)[..., None]
    mean = np.broadcast_to(prior, sums.shape).copy()
    np.divide(sums + smoothing * prior, total, out=mean, where=total > 0)
    return mean
