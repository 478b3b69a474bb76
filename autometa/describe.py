"""Describes a prepared table for the prior; runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autometa.meta.features import compute
from autometa.meta.machine import measure_machine
from autometa.prepared import open_prepared
from autometa.resolve import resolve


def describe(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Gives the meta-features of the development rows; the test part is not looked at.

    Args:
        payload: ``prepared`` (folder), ``seed``, ``further`` (name and factory of each
            meta-feature of a plugin).
        deadline: The worker is ended then.

    Returns:
        ``metafeatures`` by name, all finite; ``machine`` (processor, CPU seconds of the fixed
        workload).
    """
    prepared = open_prepared(Path(payload["prepared"]))
    rows = prepared.split.development_rows()
    X, y = prepared.table.iloc[rows], prepared.y[rows]
    features = compute(X, y, prepared.n_classes, seed=int(payload["seed"]))
    for name, factory in payload["further"]:
        features[name] = float(resolve(factory)(X, y))
    machine = measure_machine()
    return {"metafeatures": features, "machine": [machine.processor, machine.seconds]}
