"""Gaussian processes on encoded configurations, with one kernel for all past tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autometa.meta.columns import FloatArray

_FACTORS = ((0.25, 4.0), (0.5, 2.0))
_NOISES = (0.003, 0.01, 0.03, 0.1, 0.2, 0.4)
_RATES = (0.01, 30.0)
# A rate is kept where changing it gains less than this in log likelihood.
_WORTH = 0.5
START_RATE, START_NOISE = 0.33, 0.05
_LEAST_POINTS = 5


@dataclass(frozen=True)
class Kernel:
    """k(x, x') = exp(-sum_d rate_d |x_d - x'_d|), plus noise on the diagonal.

    A product of exponential kernels is what forests of random partitions converge to, so it
    keeps the abrupt effects of conditional spaces that smooth kernels lose.

    Source: Balog et al. 2016, The Mondrian Kernel, section 3.

    Args:
        rates: (p,) positive; 0 = the coordinate does not matter.
        noise: Variance of a repeated measurement relative to the signal.
    """

    rates: FloatArray
    noise: float

    def __call__(self, a: FloatArray, b: FloatArray) -> FloatArray:
        """Gives (n, m) similarities of (n, p) and (m, p) points."""
        return np.exp(-distances(a, b, self.rates))


def distances(a: FloatArray, b: FloatArray, rates: FloatArray) -> FloatArray:
    """Gives (n, m) weighted city-block distances."""
    total = np.zeros((len(a), len(b)))
    for d, rate in enumerate(rates):
        # Coordinates that are constant here, such as another learner's, cost nothing.
        left, right = a[:, d], b[:, d]
        if rate and not (_constant(left) and _constant(right) and left[:1] == right[:1]):
            total += rate * np.abs(left[:, None] - right[None, :])
    return total


def _constant(column: FloatArray) -> bool:
    return bool(len(column)) and bool((column == column[0]).all())


def fit_kernel(tasks: Sequence[tuple[FloatArray, FloatArray]], n_dims: int) -> Kernel:
    """Finds the rates and the noise under which past tasks are most likely.

    Coordinate-wise search on the profile likelihood (mean and scale of each task free): one
    sweep in large steps from one common rate, one in small steps. All tasks are cut to one
    size, so that they are factorised at once.

    Args:
        tasks: Per task (n, p) points and (n,) values; a dozen tasks of some 60 points are enough.
        n_dims: p.
    """
    usable = [(X, y) for X, y in tasks if len(y) >= _LEAST_POINTS and np.ptp(y) > 0]
    if not usable or not n_dims:
        return Kernel(np.full(n_dims, START_RATE), START_NOISE)
    size = int(np.median([len(y) for _, y in usable]))
    cut = [(X[:size], y[:size]) for X, y in usable if len(y) >= size]
    search = _Search(np.stack([X for X, _ in cut]), np.stack([y for _, y in cut]))
    for factors in _FACTORS:
        for d in range(n_dims):
            search.try_rates(d, factors)
        search.try_noises()
    return Kernel(search.rates, search.noise)


class _Search:
    """The state of the coordinate search on (b, n, p) points and (b, n) values."""

    def __init__(self, points: FloatArray, values: FloatArray) -> None:
        self.points = points
        self.values = np.stack([np.ones_like(values), values], axis=2)  # (b, n, 2)
        self.rates = np.full(points.shape[2], START_RATE)
        self.noise = START_NOISE
        self.exponents = np.zeros((*values.shape, values.shape[1]))  # (b, n, n)
        for d, rate in enumerate(self.rates):
            self.exponents += rate * self._gaps(d)
        self.loss = self._loss(self.exponents, self.noise)

    def _gaps(self, d: int) -> FloatArray:
        column = self.points[:, :, d]
        return np.abs(column[:, :, None] - column[:, None, :])

    def try_rates(self, d: int, factors: tuple[float, ...]) -> None:
        gaps = self._gaps(d)
        if not gaps.any():
            return
        rate, exponents = self.rates[d], self.exponents
        for trial in np.clip(rate * np.array(factors), *_RATES):
            changed = exponents + (trial - rate) * gaps
            loss = self._loss(changed, self.noise)
            if loss < self.loss - _WORTH:
                self.loss, self.exponents = loss, changed
                self.rates[d] = trial

    def try_noises(self) -> None:
        for noise in _NOISES:
            loss = self._loss(self.exponents, noise)
            if loss < self.loss:
                self.loss, self.noise = loss, noise

    def _loss(self, exponents: FloatArray, noise: float) -> float:
        """Gives the negative log likelihood, mean and scale of each task profiled out."""
        n = exponents.shape[1]
        factor = np.linalg.cholesky(np.exp(-exponents) + noise * np.eye(n))
        ones, values = np.moveaxis(np.linalg.solve(factor, self.values), 2, 0)  # (b, n) each
        mean = (ones * values).sum(axis=1) / (ones * ones).sum(axis=1)
        rest = ((values - mean[:, None] * ones) ** 2).mean(axis=1)
        scale = n / 2 * np.log(rest + 1e-9)
        return float((scale + np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)).sum())
