"""The checks before a search, as a job of a worker: is this table fit to give meaningful scores?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autometa.checking.suite import check_table
from autometa.checking.table import CheckedTable
from autometa.prepared import Prepared, open_prepared
from autometa.schema import Schema


def run_checks(payload: Mapping[str, Any], deadline: float) -> dict[str, Any]:
    """Checks a prepared table.

    Args:
        payload: ``prepared`` (folder), ``seed``, and ``objective`` (may be absent, see
            `CheckedTable`).
        deadline: The worker is ended then.

    Returns:
        ``findings``: `autometa.checking.Finding.to_json` of each, gravest first.

    Raises:
        StorageError: If the folder cannot be read.
    """
    prepared = open_prepared(Path(payload["prepared"]))
    table = checked_table(prepared, int(payload["seed"]), str(payload.get("objective", "")))
    return {"findings": [finding.to_json() for finding in check_table(table)]}


def checked_table(prepared: Prepared, seed: int, objective: str = "") -> CheckedTable:
    """Gives a prepared table as the checks take it.

    Args:
        prepared: From `open_prepared`.
        seed: Of the samples.
        objective: Name of the metric that is optimised first, "" = not known.
    """
    X = prepared.table
    return CheckedTable(
        X=X,
        y=prepared.y,
        split=prepared.split,
        schema=prepared.schema if X is prepared.X else Schema.infer(X),
        classes=prepared.classes,
        target=str(prepared.info["target"]),
        dropped=prepared.info["dropped"],
        notes=prepared.info["warnings"],
        overlap=prepared.info.get("overlap", {}),
        seed=seed,
        objective=objective,
        positive=int(prepared.info.get("positive") or 0),
        is_image=X is not prepared.X,
    )
