"""Past tasks' responses over a set of points, and how they vary together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.kernel import START_NOISE, START_RATE, Kernel
from autometa.meta.levels import LevelMap

# Share of the covariance over tasks that moves to its diagonal.
_SHRINK = 0.15
# Share of variance that follows the kernel alone: what past tasks have not shown yet.
_OWN_SHARE = 0.1
# So many sources are as good as knowing nothing of how points vary together.
_FEW = 4.0
_LEAST_VARIANCE = 0.01


class Rows:
    """Rows of an (m, m) matrix, each computed when it is first asked for.

    Args:
        n: m.
        compute: Gives (k, m) rows of (k,) indices.
    """

    def __init__(self, n: int, compute: Callable[[AnyArray], FloatArray]) -> None:
        self._compute = compute
        self._n = n
        self._places: dict[int, int] = {}
        self._kept = np.empty((0, n))

    def rows(self, index: AnyArray) -> FloatArray:
        """Gives a copy of (k, m) rows."""
        wanted = index.tolist()
        missing = list(dict.fromkeys(j for j in wanted if j not in self._places))
        if missing:
            self._add(missing)
        return self._kept[[self._places[j] for j in wanted]]

    def _add(self, missing: list[int]) -> None:
        n_kept = len(self._places)
        if n_kept + len(missing) > len(self._kept):
            grown = np.empty((2 * n_kept + len(missing), self._n))
            grown[:n_kept] = self._kept[:n_kept]
            self._kept = grown
        self._kept[n_kept : n_kept + len(missing)] = self._compute(np.array(missing))
        self._places.update((j, n_kept + i) for i, j in enumerate(missing))

    def take(self, index: AnyArray) -> Rows:
        """Gives the same for the matrix of some of the points."""
        return Rows(len(index), lambda part: self.rows(index[part])[:, index])


@dataclass(frozen=True, eq=False)
class Field:
    """One response of T past tasks on m points, as a Gaussian process on the points.

    Its mean is the mean over tasks. Its covariance is the one over tasks, shrunk to the
    diagonal, plus a share of the kernel:
    C = a [(1 - s) S + s diag S] + (1 - a) v K with a = (1 - .1) T / (T + 4), v = mean variance.

    Args:
        values: (T, m).
    """

    values: FloatArray

    @cached_property
    def mean(self) -> FloatArray:
        """(m,) over tasks."""
        return np.asarray(self.values.mean(axis=0))

    @cached_property
    def centred(self) -> FloatArray:
        """(T, m) factors: S is their Gram matrix."""
        return np.asarray((self.values - self.mean) / np.sqrt(max(len(self.values) - 1, 1)))

    @cached_property
    def variance(self) -> FloatArray:
        """(m,) diagonal of S."""
        return np.asarray((self.centred**2).sum(axis=0))

    @cached_property
    def scale(self) -> float:
        """Mean variance, v, not below 0.01."""
        return max(float(self.variance.mean()) if self.variance.size else 0.0, _LEAST_VARIANCE)

    @property
    def _share(self) -> float:
        n = len(self.values)
        return (1.0 - _OWN_SHARE) * n / (n + _FEW) if n > 1 else 0.0

    def diagonal(self) -> FloatArray:
        """Gives the (m,) diagonal of C."""
        return self._share * self.variance + (1.0 - self._share) * self.scale

    def rows(self, index: AnyArray, similarities: FloatArray) -> FloatArray:
        """Gives (n, m) rows of C.

        Args:
            index: (n,) points.
            similarities: (n, m) of the kernel.
        """
        rows = (1.0 - _SHRINK) * self._gram.rows(index)
        rows[np.arange(len(index)), index] += _SHRINK * self.variance[index]
        return np.asarray(self._share * rows + (1.0 - self._share) * self.scale * similarities)

    @cached_property
    def _gram(self) -> Rows:
        """S, row by row."""
        return Rows(self.values.shape[1], lambda index: self.centred[:, index].T @ self.centred)

    def take(self, index: AnyArray) -> Field:
        """Gives the field on some of the points."""
        part = Field(self.values[:, index])
        vars(part).update(
            mean=self.mean[index],
            centred=self.centred[:, index],
            variance=self.variance[index],
            scale=self.scale,
            _gram=self._gram.take(index),
        )
        return part


@dataclass(frozen=True, eq=False)
class Landscape:
    """What is known of the points between which a search chooses.

    Args:
        points: (m, p) coordinates.
        roots: Field of f = sqrt(r), the root of the normalised regret, in [0, 1].
        levels: Field of the losses themselves, see `levels.LevelMap`; None
            where past tasks show that they are not.
        remoteness: (T,) squared distances of meta-features; 0 where unknown.
        level_rate: How much a difference of levels counts against a source.
        kernel: Of the points.
        log_costs: (m,) logarithm of the cost relative to the others; 0 where unknown.
        level_map: See `levels.LevelMap`.
    """

    points: FloatArray
    roots: Field
    levels: Field | None
    remoteness: FloatArray
    level_rate: float
    kernel: Kernel
    log_costs: FloatArray
    level_map: LevelMap | None = None

    @classmethod
    def blank(cls, points: FloatArray) -> Landscape:
        """Gives the landscape of (m, p) points of which nothing is known: one that is flat."""
        return cls(
            points=points,
            roots=Field(np.full((1, len(points)), 0.5)),
            levels=None,
            remoteness=np.zeros(1),
            level_rate=0.0,
            kernel=Kernel(np.full(points.shape[1], START_RATE), START_NOISE),
            log_costs=np.zeros(len(points)),
        )

    def __len__(self) -> int:
        return len(self.points)

    @property
    def n_sources(self) -> int:
        """T."""
        return len(self.remoteness)

    @cached_property
    def worlds(self) -> FloatArray:
        """(2T, m) f of every past task, then of its mirror image, in which good is bad."""
        return np.concatenate([self.roots.values, 1.0 - self.roots.values])

    @cached_property
    def world_levels(self) -> FloatArray | None:
        """(2T, m) levels likewise, mirrored at each task's mean."""
        if self.levels is None:
            return None
        values = self.levels.values
        return np.concatenate([values, 2.0 * self.level_centres - values])

    @cached_property
    def level_centres(self) -> FloatArray:
        """(T, 1) mean level of each past task."""
        if self.levels is None:
            return np.zeros((self.n_sources, 1))
        return np.asarray(self.levels.values.mean(axis=1, keepdims=True))

    @cached_property
    def _similarities(self) -> Rows:
        def compute(index: AnyArray) -> FloatArray:
            return self.kernel(self.points[index], self.points)

        return Rows(len(self), compute)

    def similarities(self, index: AnyArray) -> FloatArray:
        """Gives (n, m) rows of the kernel; they are kept."""
        return self._similarities.rows(index)

    def take(self, index: AnyArray) -> Landscape:
        """Gives the landscape on some of the points."""
        part = Landscape(
            self.points[index],
            self.roots.take(index),
            None if self.levels is None else self.levels.take(index),
            self.remoteness,
            self.level_rate,
            self.kernel,
            self.log_costs[index],
            self.level_map,
        )
        vars(part)["level_centres"] = self.level_centres
        vars(part)["_similarities"] = self._similarities.take(index)
        return part
