"""Linear models with a penalty: closed form, L-BFGS and accelerated proximal gradient.

Written here because scikit-learn's solvers know neither a deadline nor soft labels, and because
a linear model that needs only numpy is fitted before scikit-learn would have been imported.
All have an intercept that is not penalised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from autometa_tabular.classes import Array

Solution: TypeAlias = tuple[Array, Array]
"""coef (p, k), intercept (k,)."""

MAX_DIRECT = 3000
"""Columns or rows, whichever are fewer, up to which a matrix of their products is made."""

_MAX_PRODUCTS = 1e11  # multiplications for it: some seconds
_MAX_WIDE = 2e7  # cells that are held as float64; larger tables stay float32
_MIN_SPARSE = 256  # columns from which on zeros are worth skipping
_MAX_DENSITY = 0.1
_BLOCK = 8192  # rows widened together


@dataclass(frozen=True, slots=True)
class Problem:
    """Weighted rows, centred.

    Args:
        Z: (n, p) with weighted column means 0; float64, or float32 when large. Or sparse float64
            as it came, see `is_sparse`: then `means` are subtracted from its products.
        means: (p,) what is subtracted.
        Y: (n, k) values, or probabilities of k >= 2 classes.
        weight: (n,) that sums to 1.
        total: What the weights summed to.
        is_classification: Whether the loss is the cross-entropy; else half the squared error.
        expired: Says when to stop and give what there is.
    """

    Z: Any
    means: Array
    Y: Array
    weight: Array
    total: float
    is_classification: bool
    expired: Callable[[], bool]

    @classmethod
    def of(
        cls,
        Z: Array,
        Y: Array,
        weight: Array,
        *,
        is_classification: bool,
        expired: Callable[[], bool],
    ) -> Problem:
        """Centres encoded rows (n, p) float32; targets (n, k), weights (n,) positive."""
        total = float(weight.sum())
        share = weight / total
        if is_classification and _is_mostly_zero(Z):
            from scipy.sparse import csr_array

            sparse = csr_array(Z, dtype=np.float64)
            return cls(sparse, share @ sparse, Y, share, total, is_classification, expired)
        centred: Array = Z.astype(np.float64 if Z.size <= _MAX_WIDE else np.float32)
        means = share.astype(centred.dtype) @ centred
        centred -= means
        return cls(centred, means, Y, share, total, is_classification, expired)

    @property
    def is_sparse(self) -> bool:
        """Whether most of Z is zero, as where texts are: a product costs a hundredth then."""
        return not isinstance(self.Z, np.ndarray)

    @property
    def n_outputs(self) -> int:
        """Columns of the coefficients: one logit for two classes."""
        k = self.Y.shape[1]
        return 1 if self.is_classification and k == 2 else k

    @property
    def is_direct(self) -> bool:
        """Whether the products of all pairs of columns (or rows) are cheap enough."""
        n, p = self.Z.shape
        return bool(min(n, p) <= MAX_DIRECT and n * p * min(n, p) <= _MAX_PRODUCTS)

    def forward(self, coef: Array) -> Array:
        """Gives ``Z @ coef``, (n, k) float64."""
        product: Array = self.Z @ coef.astype(self.Z.dtype)
        if self.is_sparse:
            product -= self.means @ coef
        return product.astype(np.float64, copy=False)

    def backward(self, residual: Array) -> Array:
        """Gives ``Z' @ residual``, (p, k) float64."""
        product: Array = self.Z.T @ residual.astype(self.Z.dtype)
        if self.is_sparse:
            product -= np.multiply.outer(self.means, residual.sum(axis=0))
        return product.astype(np.float64, copy=False)

    def products(self, Y: Array) -> tuple[Array, Array]:
        """Gives the weighted ``Z' Z`` (p, p) and ``Z' Y`` (p, k) in float64, block by block."""
        p = self.Z.shape[1]
        gram, cross = np.zeros((p, p)), np.zeros((p, Y.shape[1]))
        for start in range(0, len(self.Z), _BLOCK):
            rows = slice(start, start + _BLOCK)
            block = self.Z[rows].astype(np.float64, copy=False)
            weighted = block * self.weight[rows, None]
            gram += weighted.T @ block
            cross += weighted.T @ Y[rows]
        return gram, cross

    def base(self) -> Array:
        """Gives the best intercept of a model without coefficients, (n_outputs,)."""
        mean = self.weight @ self.Y
        if not self.is_classification:
            return mean
        logs: Array = np.log(mean)
        return logs[1:] - logs[:1] if self.n_outputs == 1 else logs - logs.mean()

    def loss(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """Gives the mean loss and its gradients, (p, k) and (k,)."""
        outputs = self.forward(coef) + intercept  # (n, k)
        if self.is_classification:
            value, residual = self._cross_entropy(outputs)
        else:
            gap = outputs - self.Y
            value, residual = 0.5 * float(self.weight @ (gap**2).sum(axis=1)), gap
        residual *= self.weight[:, None]
        return value, self.backward(residual), residual.sum(axis=0)

    def _cross_entropy(self, logits: Array) -> tuple[float, Array]:
        is_binary = self.n_outputs == 1
        if is_binary:
            logits = np.hstack([np.zeros_like(logits), logits])
        top = logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits - top)
        sums = exponentials.sum(axis=1, keepdims=True)
        losses = np.log(sums[:, 0]) + top[:, 0] - (self.Y * logits).sum(axis=1)
        residual = exponentials / sums - self.Y
        return float(self.weight @ losses), residual[:, 1:] if is_binary else residual

    def uncentred(self, coef: Array, intercept: Array) -> Solution:
        """Gives the solution for rows that are not centred."""
        return coef, intercept - self.means.astype(np.float64) @ coef


def _is_mostly_zero(Z: Array) -> bool:
    return bool(Z.shape[1] >= _MIN_SPARSE and np.count_nonzero(Z) <= _MAX_DENSITY * Z.size)


def ridge(problem: Problem, alpha: float) -> Solution:
    """Minimises ``sum(weight * (y - f)²) + alpha * |coef|²``.

    Closed form in the smaller of the two dimensions; L-BFGS when both are large.
    """
    if not problem.is_direct:
        return lbfgs(problem, alpha)
    n, p = problem.Z.shape
    mean = problem.base()
    if p <= n:
        gram, cross = problem.products(problem.Y - mean)
        coef = np.linalg.solve(gram + alpha / problem.total * np.eye(p), cross)
        return problem.uncentred(coef, mean)
    root = np.sqrt(problem.weight * problem.total)[:, None]
    A = problem.Z.astype(np.float64, copy=False) * root
    dual = np.linalg.solve(A @ A.T + alpha * np.eye(n), (problem.Y - mean) * root)
    return problem.uncentred(A.T @ dual, mean)


def lbfgs(
    problem: Problem, alpha: float, *, max_iter: int = 300, start: Array | None = None
) -> Solution:
    """Minimises ``sum(weight * loss) + alpha / 2 * |coef|²``; a squared error counts half.

    Args:
        problem: The rows.
        alpha: Penalty.
        max_iter: Steps at most.
        start: (p, k) coefficients of a similar penalty; None = 0.
    """
    from scipy.optimize import minimize

    p, k = problem.Z.shape[1], problem.n_outputs
    penalty = alpha / problem.total

    def objective(flat: Array) -> tuple[float, Array]:
        coef, intercept = flat[: p * k].reshape(p, k), flat[p * k :]
        value, slope, shift = problem.loss(coef, intercept)
        slope += penalty * coef
        total = value + 0.5 * penalty * float((coef**2).sum())
        return total, np.concatenate([slope.ravel(), shift])

    def stop_in_time(_: Array) -> None:
        if problem.expired():
            raise StopIteration

    first = np.zeros(p * k) if start is None else start.ravel()
    options = {"maxiter": max_iter, "gtol": 1e-6, "ftol": 1e-10}
    found = minimize(
        objective,
        np.concatenate([first, problem.base()]),
        jac=True,
        method="L-BFGS-B",
        callback=stop_in_time,
        options=options,
    )
    return problem.uncentred(found.x[: p * k].reshape(p, k), found.x[p * k :])


def elastic_net(
    problem: Problem, strength: float, l1_ratio: float, *, max_iter: int = 2000
) -> Solution:
    """Minimises ``mean loss + lambda * (l1_ratio * |coef|_1 + (1 - l1_ratio) / 2 * |coef|²)``.

    Args:
        problem: The rows.
        strength: lambda as a share of the least one at which all coefficients vanish, in (0, 1].
        l1_ratio: In (0, 1].
        max_iter: Steps at most.

    Source: Beck & Teboulle 2009 (FISTA), restarted as in O'Donoghue & Candès 2015, section 3.2;
    the path's parametrisation is that of Friedman, Hastie & Tibshirani 2010.
    """
    coef = np.zeros((problem.Z.shape[1], problem.n_outputs))
    intercept = problem.base()
    largest = float(np.abs(problem.loss(coef, intercept)[1]).max()) / l1_ratio
    penalty = strength * largest
    step = 1.0 / (_curvature(problem) + penalty * (1.0 - l1_ratio))
    gradient = _gradient(problem)
    ahead, ahead_intercept, momentum = coef, intercept, 1.0
    for _ in range(max_iter):
        slope, shift = gradient(ahead, ahead_intercept)
        slope = slope + penalty * (1.0 - l1_ratio) * ahead
        moved = ahead - step * slope
        new = np.sign(moved) * np.maximum(np.abs(moved) - step * penalty * l1_ratio, 0.0)
        new_intercept = ahead_intercept - step * shift
        gap = max(np.abs(new - ahead).max(), np.abs(new_intercept - ahead_intercept).max())
        overshoots = float(((ahead - new) * (new - coef)).sum()) > 0.0
        momentum, previous = 1.0 if overshoots else (1 + np.sqrt(1 + 4 * momentum**2)) / 2, momentum
        push = 0.0 if overshoots else (previous - 1.0) / momentum
        ahead = new + push * (new - coef)
        ahead_intercept = new_intercept + push * (new_intercept - intercept)
        coef, intercept = new, new_intercept
        # The gap over the step is the gradient that is left, in units of the largest one.
        if gap / step <= 1e-5 * largest or problem.expired():
            break
    return problem.uncentred(coef, intercept)


def _gradient(problem: Problem) -> Callable[[Array, Array], Solution]:
    """Gives the gradient of the mean loss; of the squared error through the Gram matrix."""
    n, p = problem.Z.shape
    if problem.is_classification or p > n or not problem.is_direct:
        return lambda coef, intercept: problem.loss(coef, intercept)[1:]
    gram, cross = problem.products(problem.Y)
    mean = problem.weight @ problem.Y
    return lambda coef, intercept: (gram @ coef - cross, intercept - mean)


def _curvature(problem: Problem) -> float:
    """Bounds the largest eigenvalue of the loss's Hessian, by 30 power iterations and a margin."""
    vector = np.random.default_rng(0).normal(size=problem.Z.shape[1])
    largest = 0.0
    for _ in range(30):
        vector /= np.linalg.norm(vector) or 1.0
        vector = problem.backward(problem.weight * problem.forward(vector))
        largest = float(np.linalg.norm(vector))
    share = 1.0
    if problem.is_classification:
        share = 0.25 if problem.n_outputs == 1 else 0.5  # of p (1 - p), Böhning 1992
    return share * max(1.2 * largest, 1.0 + 1e-12)  # the intercept's own is 1
