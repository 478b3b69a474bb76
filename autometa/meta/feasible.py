"""Which past trials would break today's bounds, as far as their records hold what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from autometa.meta.columns import FloatArray
from autometa.meta.record import TaskRecord

_OF_A_FILE = "load_ms"
"""Metric that only a target's file has; a folder of models has none."""

_OF_A_MACHINE = "latency_ms"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a new task allows its model, and where that is measured.

    Args:
        upper: By name of a resource: ``size_kib``, ``gzip_kib``, ``latency_ms``, ``memory_mib``.
        of_file: Whether they are of the file of a target, else of a model folder.
        seconds: CPU seconds of the fixed workload on this machine, see `meta.machine`; NaN =
            unknown.
    """

    upper: Mapping[str, float] = field(default_factory=dict)
    of_file: bool = False
    seconds: float = float("nan")

    def applied(self, record: TaskRecord) -> TaskRecord:
        """Gives the record as if it had been searched under these bounds.

        A trial that is known to break one counts as failed, as it would in the present study, so
        that what a past task teaches is the best of what may be delivered. Measures of another
        kind of model, and trials without any, are left as they are. Latencies are taken times
        the ratio of both machines' speeds where these are known.
        """
        if not self.upper:
            return record
        is_of_file = _OF_A_FILE in record.trials.columns.sparse["metrics"].columns
        if is_of_file != self.of_file:
            return record
        broken = np.zeros(len(record), bool)
        for name, bound in self.upper.items():
            with np.errstate(invalid="ignore"):  # NaN: not measured
                broken |= self._ratio(name, record) * _measured(record, name) > bound
        return replace(record, trials=record.trials.failed(broken)) if broken.any() else record

    def _ratio(self, name: str, record: TaskRecord) -> float:
        ratio = self.seconds / record.machine.seconds if record.machine.seconds > 0 else 1.0
        return ratio if name == _OF_A_MACHINE and np.isfinite(ratio) else 1.0


def _measured(record: TaskRecord, name: str) -> FloatArray:
    """Gives (n,) values of a metric, NaN where not measured."""
    values = np.full(len(record), np.nan)
    rows, column = record.trials.columns.sparse["metrics"].columns.get(name, (None, None))
    if column is not None and column.choices is None:
        values[slice(None) if rows is None else rows] = column.data
    return values
