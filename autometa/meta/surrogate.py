"""What past tasks would have given on configurations that they never tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from autometa.meta.columns import AnyArray, FloatArray
from autometa.meta.kernel import Kernel
from autometa.meta.points import keys

_MOST_POOLED = 400
# Points of different tasks at one place differ by as much as points of one task far apart.
_POOLED_NOISE = 1.0


@dataclass(frozen=True)
class Source:
    """The trials of one past task, encoded.

    Args:
        points: (n, p) coordinates.
        branches: (n,) codes, see `points.Encoder.branches`.
        values: (n, q) responses; no NaN.
        identities: (n,) `points.keys`; one list for all tasks that share their points.
    """

    points: FloatArray
    branches: AnyArray
    values: FloatArray
    identities: list[bytes]


@dataclass(frozen=True)
class Surrogate:
    """Responses of every past task on any points: its own value where it has one, else a guess.

    Within a branch (a learner) a guess is the mean over tasks at that point, from a Gaussian
    process on the trials of all, plus what the task's own trials near by say beyond it, from a
    Gaussian process of its own with the same kernel. A task without a trial in the branch gets
    the mean over tasks.

    Args:
        sources: Past tasks.
        kernel: Shared by all.
    """

    sources: Sequence[Source]
    kernel: Kernel
    _pooled: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = field(default_factory=dict)
    _solved: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = field(default_factory=dict)

    def predict(self, points: FloatArray, branches: AnyArray) -> FloatArray:
        """Gives (q, tasks, m) responses on (m, p) points."""
        n_values = self.sources[0].values.shape[1]
        out = np.full((n_values, len(self.sources), len(points)), np.nan)
        wanted = keys(points)
        places: dict[int, AnyArray] = {}
        for t, source in enumerate(self.sources):
            if id(source.identities) not in places:
                places[id(source.identities)] = _places(wanted, source.identities)
            rows = places[id(source.identities)]
            out[:, t, rows >= 0] = source.values[rows[rows >= 0]].T
        for branch in np.unique(branches):
            here = np.flatnonzero(branches == branch)
            gaps = np.isnan(out[0][:, here]).any(axis=0)
            self._fill(out, here[gaps], points[here[gaps]], int(branch))
        return out

    def _fill(self, out: FloatArray, columns: AnyArray, points: FloatArray, branch: int) -> None:
        if not len(columns):
            return
        common = self._common(points, branch)  # (m, q)
        for t in range(len(self.sources)):
            missing = np.isnan(out[0, t, columns])
            if missing.any():
                guess = common[missing] + self._own(t, branch, points[missing])
                out[:, t, columns[missing]] = guess.T

    def _common(self, points: FloatArray, branch: int) -> FloatArray:
        """Gives (m, q) means over tasks."""
        if branch not in self._pooled:
            self._pooled[branch] = self._pool(branch)
        anchors, weights, mean = self._pooled[branch]
        return mean + self.kernel(points, anchors) @ weights

    def _pool(self, branch: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        parts = [source.branches == branch for source in self.sources]
        pairs = list(zip(self.sources, parts, strict=True))
        X = np.concatenate([source.points[part] for source, part in pairs])
        y = np.concatenate([source.values[part] for source, part in pairs])
        if not len(X):
            everything = np.concatenate([source.values for source in self.sources])
            return X, y, everything.mean(axis=0)
        kept = np.unique(np.linspace(0, len(X) - 1, min(len(X), _MOST_POOLED)).astype(int))
        X, mean = X[kept], y.mean(axis=0)
        gram = self.kernel(X, X) + _POOLED_NOISE * np.eye(len(X))
        return X, np.linalg.solve(gram, y[kept] - mean), mean

    def _own(self, t: int, branch: int, points: FloatArray) -> FloatArray:
        """Gives (m, q) deviations of one task from the mean over tasks."""
        if (t, branch) not in self._solved:
            self._solved[t, branch] = self._solve(t, branch)
        X, weights = self._solved[t, branch]
        if not len(X):
            return np.zeros((len(points), weights.shape[1]))
        shift, rest = weights[:1], weights[1:]
        return np.asarray(shift + self.kernel(points, X) @ rest)

    def _solve(self, t: int, branch: int) -> tuple[FloatArray, FloatArray]:
        source = self.sources[t]
        part = source.branches == branch
        X, y = source.points[part], source.values[part]
        if not len(X):
            return X, np.zeros((1, source.values.shape[1]))
        rest = y - self._common(X, branch)
        # The task's own level in this branch, shrunk as if one more trial had been average.
        shift = rest.sum(axis=0) / (len(X) + 1.0)
        gram = self.kernel(X, X) + self.kernel.noise * np.eye(len(X))
        return X, np.concatenate([shift[None], np.linalg.solve(gram, rest - shift)])


def _places(wanted: list[bytes], held: list[bytes]) -> AnyArray:
    """Gives (m,) the row of each wanted point, of a repeated one the last; -1 where not held."""
    row_of = {key: row for row, key in enumerate(held)}
    return np.array([row_of.get(key, -1) for key in wanted], int)
