"""What past tasks would have given, measured without noise, on any configurations."""

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
# What a task's own noise may be, relative to the signal: with the last there is none to speak of.
# A priori it is that of all tasks, give or take a factor of ten.
_NOISE_SPREAD = np.log(10.0)
_NOISES = np.array([0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0])


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
class _Part:
    """A task's trials of one branch, or of several tasks that share their points.

    Args:
        rows: (n,) of the source.
        points: (n, p).
        variances: (n,) eigenvalues of the kernel's matrix, at least 0.
        axes: (n, n) its eigenvectors.
        common: (n, q) means over tasks.
    """

    rows: AnyArray
    points: FloatArray
    variances: FloatArray
    axes: FloatArray
    common: FloatArray


@dataclass(frozen=True)
class _Fit:
    """A task's deviation from the mean over tasks, in one branch.

    Args:
        shift: (q,) its level.
        rest: (n, q) coordinates of what is left, along the axes of its part.
    """

    shift: FloatArray
    rest: FloatArray


@dataclass(frozen=True)
class Surrogate:
    """Responses of every past task on any points.

    Within a branch (a learner) a guess is the mean over tasks at that point, from a Gaussian
    process on the trials of all, plus what the task's own trials near by say beyond it, from a
    Gaussian process of its own with the same kernel. A task without a trial in the branch gets
    the mean over tasks.

    Where a task has a trial itself, its first response (f) is the same guess with the task's own
    noise, the likeliest of `_NOISES`: the best of its trials was lucky too, and a task on which
    nothing can be learned has no best trial. The other responses are what was measured, and so is
    the first of tasks that share a table of points: what is noise there, their agreement says.

    Args:
        sources: Past tasks.
        kernel: Shared by all.
    """

    sources: Sequence[Source]
    kernel: Kernel
    _pooled: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = field(default_factory=dict)
    _parts: dict[tuple[int, int], _Part] = field(default_factory=dict)
    _fits: dict[tuple[int, int], _Fit] = field(default_factory=dict)
    _smooth: dict[int, FloatArray] = field(default_factory=dict)
    _noise: dict[int, FloatArray] = field(default_factory=dict)

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
            out[:, t, rows >= 0] = self._own_values(t)[rows[rows >= 0]].T
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
        part, fit = self._part(t, branch), self._fit(t, branch)
        damped = fit.rest / (part.variances[:, None] + self._noises(t))
        return fit.shift + self.kernel(points, part.points) @ (part.axes @ damped)

    def _own_values(self, t: int) -> FloatArray:
        """Gives (n, q) what one task's own trials say, the first response without its noise."""
        if t not in self._smooth:
            source = self.sources[t]
            values, noise = source.values.copy(), self._noises(t)[0]
            branches = [] if self._shares_points(t) else np.unique(source.branches).tolist()
            for branch in branches:
                part, fit = self._part(t, branch), self._fit(t, branch)
                lost = fit.rest[:, 0] * noise / (part.variances + noise)
                values[part.rows, 0] -= part.axes @ lost
            self._smooth[t] = values
        return self._smooth[t]

    def _shares_points(self, t: int) -> bool:
        own = self.sources[t].identities
        return any(s.identities is own for place, s in enumerate(self.sources) if place != t)

    def _part(self, t: int, branch: int) -> _Part:
        source = self.sources[t]
        key = id(source.identities), branch
        if key not in self._parts:
            rows = np.flatnonzero(source.branches == branch)
            points = source.points[rows]
            variances, axes = np.linalg.eigh(self.kernel(points, points))
            common = self._common(points, branch)
            self._parts[key] = _Part(rows, points, np.maximum(variances, 0.0), axes, common)
        return self._parts[key]

    def _fit(self, t: int, branch: int) -> _Fit:
        if (t, branch) not in self._fits:
            part = self._part(t, branch)
            rest = self.sources[t].values[part.rows] - part.common
            # The task's own level in this branch, shrunk as if one more trial had been average.
            shift = rest.sum(axis=0) / (len(rest) + 1.0)
            self._fits[t, branch] = _Fit(shift, part.axes.T @ (rest - shift))
        return self._fits[t, branch]

    def _noises(self, t: int) -> FloatArray:
        """Gives (q,) noise by response: the task's own for the first, the kernel's for others."""
        if t not in self._noise:
            noises = np.full(self.sources[t].values.shape[1], self.kernel.noise)
            noises[0] = self._likeliest(t)
            self._noise[t] = noises
        return self._noise[t]

    def _likeliest(self, t: int) -> float:
        """Gives the likeliest noise of a task's first response, whose scale is free."""
        squares, logs, n = np.zeros(len(_NOISES)), np.zeros(len(_NOISES)), 0
        for branch in np.unique(self.sources[t].branches).tolist():
            part, fit = self._part(t, branch), self._fit(t, branch)
            total = part.variances[:, None] + _NOISES  # (n, noises)
            squares += (fit.rest[:, :1] ** 2 / total).sum(axis=0)
            logs += np.log(total).sum(axis=0)
            n += len(part.rows)
        unlikely = (np.log(_NOISES / max(self.kernel.noise, _NOISES[0])) / _NOISE_SPREAD) ** 2
        return float(_NOISES[(n * np.log(squares / n + 1e-9) + logs + unlikely).argmin()])


def _places(wanted: list[bytes], held: list[bytes]) -> AnyArray:
    """Gives (m,) the row of each wanted point, of a repeated one the last; -1 where not held."""
    row_of = {key: row for row, key in enumerate(held)}
    return np.array([row_of.get(key, -1) for key in wanted], int)
