"""The frozen answer of a knowledge base to the question what is known about a new task."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from autometa.learner import Space
from autometa.meta.columns import AnyArray, FloatArray, SparseColumns
from autometa.meta.grid import default_configs, thinned
from autometa.meta.infer import space_of_configs
from autometa.meta.kernel import Kernel, fit_kernel
from autometa.meta.landscape import Field, Landscape
from autometa.meta.levels import LevelMap, level_rate
from autometa.meta.mapping import map_record
from autometa.meta.points import Encoder, keys, union
from autometa.meta.portfolio import greedy
from autometa.meta.record import TaskRecord
from autometa.meta.regrets import normalised
from autometa.meta.retrieval import remoteness, retrieve
from autometa.meta.spaces import space_signature
from autometa.meta.surrogate import Source, Surrogate
from autometa.trial import Outcome, ParamValue

GRID = 256
"""Most points that a prior proposes from when nobody gave it candidates."""

# Ten tasks of some fifty points settle the kernel.
_KERNEL_TASKS, _KERNEL_POINTS = 10, 50
_FAILURES = frozenset(
    {Outcome.TIMEOUT, Outcome.MEMORY, Outcome.ERROR, Outcome.DIED, Outcome.INVALID_SCORE}
)


@dataclass(frozen=True, eq=False)
class Prior:
    """What past tasks say about a new one. Made by `Prior.fit`, used by `PriorSampler`.

    Args:
        names: (T,) of the past tasks it learned from.
        encoder: Of configurations, in the space of the new task.
        surrogate: Responses of every past task: f, log cost and loss level, on any point.
        configs: (g,) configurations that past tasks tried, thinned.
        remoteness: (T,) see `Landscape`.
        level_map: See `Landscape`; None without a finite loss.
        digest: Hash of everything that went in.
        dropped: Trials that could not be carried into the new space, by reason.

    Example:
        >>> from autometa import KnowledgeBase
        >>> configs = [{"depth": 1}, {"depth": 2}, {"depth": 3}]
        >>> past = [[0.3, 0.1, 0.2], [0.5, 0.2, 0.3], [0.2, 0.3, 0.1]]
        >>> prior = KnowledgeBase.from_table(configs, past).prior()
        >>> prior.n_sources, prior.portfolio(2)
        (3, [{'depth': 3}, {'depth': 2}])
    """

    names: tuple[str, ...]
    encoder: Encoder
    surrogate: Surrogate
    configs: Sequence[Mapping[str, ParamValue]]
    remoteness: FloatArray
    level_map: LevelMap | None
    digest: str
    dropped: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        records: Sequence[TaskRecord],
        space: Space | None = None,
        metafeatures: Mapping[str, float] | None = None,
    ) -> Prior:
        """Learns from past tasks. Records without a single finite loss do not count.

        Args:
            records: Of past tasks, of any spaces.
            space: Of the new task: records are carried into it, see `meta.mapping`. None = all
                that the records searched.
            metafeatures: Of the new task's data; {} or None = unknown.
        """
        features = dict(metafeatures or {})
        kept = retrieve([r for r in records if len(r)], features)
        dropped: dict[str, int] = {}
        if space is not None:
            kept = [_carried(record, space, dropped) for record in kept]
        kept = [record for record in kept if np.isfinite(record.losses()).any()]
        encoder = Encoder(union(r.space for r in kept) if space is None else space)
        digest = _digest(kept, encoder.space, features)
        return _assemble(kept, encoder, remoteness(kept, features), digest, dropped)

    @property
    def n_sources(self) -> int:
        """T, the number of past tasks that it learned from."""
        return len(self.names)

    def n_acquainted(self, config: Mapping[str, ParamValue]) -> int:
        """Gives how many past tasks tried the same choice of `Encoder.switch`: the learner."""
        if not self.n_sources:
            return 0
        branch = self.encoder.branches(self.encoder.encode([config]))[0]
        return sum(bool((source.branches == branch).any()) for source in self.surrogate.sources)

    @cached_property
    def _landscapes(self) -> dict[bytes, Landscape]:
        return {}

    def landscape(self, points: FloatArray) -> Landscape:
        """Gives what past tasks say on (m, p) points; the answer is kept.

        Raises:
            ValueError: If there is no past task.
        """
        if not self.n_sources:
            raise ValueError("a prior without past tasks has no landscape")
        key = hashlib.sha256(points.tobytes()).digest()
        if key not in self._landscapes:
            self._landscapes[key] = self._landscape(points)
        return self._landscapes[key]

    def _landscape(self, points: FloatArray) -> Landscape:
        roots, costs, levels = self.surrogate.predict(points, self.encoder.branches(points))
        roots = np.clip(roots, 0.0, 1.0)
        rate = 0.0 if self.level_map is None else level_rate(roots**2, levels)
        return Landscape(
            points=points,
            roots=Field(roots),
            levels=Field(levels) if rate else None,
            remoteness=self.remoteness,
            level_rate=rate,
            kernel=self.surrogate.kernel,
            log_costs=costs.mean(axis=0),
            level_map=self.level_map,
        )

    def landscape_of(self, configs: Sequence[Mapping[str, ParamValue]]) -> Landscape:
        """Gives the landscape on configurations; a blank one when there is no past task."""
        if self.n_sources:
            return self.landscape(self.encoder.encode(configs))
        columns = SparseColumns.of(configs)
        return Landscape.blank(Encoder(space_of_configs(columns)).encode(columns))

    @cached_property
    def grid(self) -> Landscape:
        """The landscape on `configs`."""
        return self.landscape(self.encoder.encode(self.configs))

    @cached_property
    def support(self) -> FloatArray:
        """(g,) share of past tasks that tried each of `configs` themselves."""
        tried = [set(source.identities) for source in self.surrogate.sources]
        held = keys(self.encoder.encode(self.configs)) if self.configs else []
        counts = [sum(key in own for own in tried) for key in held]
        return np.array(counts, np.float64) / max(len(tried), 1)

    def portfolio(self, n: int, cost_exponent: float = 0.0) -> list[dict[str, ParamValue]]:
        """Gives at most n configurations to try first, the best complement to those before it.

        Args:
            n: How many.
            cost_exponent: 0 under a budget of trials, 1/2 under one of seconds.
        """
        if not self.n_sources:
            return []
        costs = np.exp(cost_exponent * self.grid.log_costs)
        branches = self.encoder.branches(self.grid.points)
        chosen = greedy(self.grid.roots.values**2, n, costs=costs, branches=branches)
        return [dict(self.configs[j]) for j in chosen]


def _carried(record: TaskRecord, space: Space, dropped: dict[str, int]) -> TaskRecord:
    if space_signature(record.space) == space_signature(space):
        return record
    mapped = map_record(record, space)
    for reason, count in mapped.dropped.items():
        dropped[reason] = dropped.get(reason, 0) + count
    return mapped.record


def _digest(records: Sequence[TaskRecord], space: Space, features: Mapping[str, float]) -> str:
    text = "|".join([r.digest for r in records] + [space_signature(space)])
    text += "|" + repr(sorted(features.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _assemble(
    records: Sequence[TaskRecord],
    encoder: Encoder,
    distance: FloatArray,
    digest: str,
    dropped: Mapping[str, int],
) -> Prior:
    losses = [record.responses() for record in records]
    pooled = np.concatenate(losses) if losses else np.empty(0)
    pooled = pooled[np.isfinite(pooled)]
    level_map = LevelMap.fit(pooled) if len(pooled) else None
    encoded: dict[object, tuple[FloatArray, AnyArray, list[bytes]]] = {}
    sources = [
        _source(record, loss, encoder, level_map, encoded)
        for record, loss in zip(records, losses, strict=True)
    ]
    configs = thinned(
        [record.configs for record in records], [_usable(r) for r in records], sources, GRID
    )
    configs = _with_defaults(configs, encoder) if sources else configs
    return Prior(
        names=tuple(record.name for record in records),
        encoder=encoder,
        surrogate=Surrogate(sources, _kernel(sources, encoder.n_dims)),
        configs=configs,
        remoteness=distance,
        level_map=level_map,
        digest=digest,
        dropped=dropped,
    )


def _with_defaults(
    configs: list[Mapping[str, ParamValue]], encoder: Encoder
) -> list[Mapping[str, ParamValue]]:
    """Adds defaults that no past task tried, so that a new learner gets its chance."""
    known = set(keys(encoder.encode(configs)))
    own = default_configs(encoder.space, encoder.switch)
    fresh = [
        config
        for config, key in zip(own, keys(encoder.encode(own)) if own else (), strict=True)
        if key not in known
    ]
    return [*configs, *fresh]


def _failed(record: TaskRecord) -> AnyArray:
    return np.array([outcome in _FAILURES for outcome in record.outcomes], bool)


def _usable(record: TaskRecord) -> AnyArray:
    """Gives the rows that say something: a loss, known or estimated, or a failure."""
    return np.flatnonzero(np.isfinite(record.responses()) | _failed(record))


def _source(
    record: TaskRecord,
    losses: FloatArray,
    encoder: Encoder,
    level_map: LevelMap | None,
    encoded: dict[object, tuple[FloatArray, AnyArray, list[bytes]]],
) -> Source:
    """Encodes the usable trials; tasks of one table share the encoding of its configurations."""
    rows = _usable(record)
    key = id(record.trials.params), rows.tobytes()
    if key not in encoded:
        points = encoder.encode(record.trials.params)[rows]
        encoded[key] = points, encoder.branches(points), keys(points)
    points, branches, identities = encoded[key]
    regrets = normalised(losses, _failed(record), record.baseline_loss())[rows]
    values = np.stack(
        [np.sqrt(regrets), _log_costs(record)[rows], _levels(losses, level_map)[rows]]
    )
    return Source(points, branches, values.T, identities)


def _log_costs(record: TaskRecord) -> FloatArray:
    """Gives (n,) log costs around their mean; 0 where unknown."""
    costs = record.costs
    known = np.isfinite(costs) & (costs > 0)
    logs = np.log(np.where(known, costs, 1.0))
    return np.where(known, logs - logs[known].mean() if known.any() else 0.0, 0.0)


def _levels(losses: FloatArray, level_map: LevelMap | None) -> FloatArray:
    """Gives (n,) levels; a failure stands with the task's worst loss."""
    if level_map is None:
        return np.zeros(len(losses))
    worst = np.nanmax(losses)
    return level_map(np.where(np.isnan(losses), worst, losses))


def _kernel(sources: Sequence[Source], n_dims: int) -> Kernel:
    spread = np.unique(
        np.linspace(0, len(sources) - 1, min(len(sources), _KERNEL_TASKS)).astype(int)
    )
    tasks = []
    for t in spread if len(sources) else ():
        source = sources[t]
        kept = np.linspace(0, len(source.points) - 1, min(len(source.points), _KERNEL_POINTS))
        rows = np.unique(kept.astype(int))
        tasks.append((source.points[rows], source.values[rows, 0]))
    return fit_kernel(tasks, n_dims)
