"""The file of a target: made and measured per trial, kept beside its models."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from autometa.orchestrator.evaluation import Evaluation

File: TypeAlias = tuple[Path, dict[str, Any]]
"""Folder of a target's file and its companions, and what was found of it."""

EXPORT = "autometa.export:export_job"
FOLDER, REPORT = "export", "export.json"
METRICS = (
    "size_kib",
    "gzip_kib",
    "latency_ms",
    "latency_p99_ms",
    "memory_mib",
    "load_ms",
    "parity",
)
"""What a trial shows of its file."""


def export_payload(
    evaluation: Evaluation,
    folder: Path,
    output: Path,
    packages: Iterable[str],
    most_kib: float = math.inf,
) -> dict[str, Any]:
    """Gives the payload of `EXPORT`.

    Args:
        evaluation: With an opset.
        folder: A model folder.
        output: Folder that takes the file and its companions.
        packages: From which models may be loaded.
        most_kib: A file larger than this is not worth measuring.
    """
    most_kib = min(most_kib, evaluation.bounds.get("size_kib", math.inf))
    return {
        "folder": str(folder),
        "prepared": str(evaluation.prepared),
        "packages": sorted(packages),
        "output": str(output),
        "opset": evaluation.opset,
        "most_kib": None if math.isinf(most_kib) else most_kib,
        "n_folds": evaluation.n_delivered,
        "metrics": [metric.to_json() for metric in evaluation.predictive],
    }


def keep_report(folder: Path, found: Mapping[str, Any]) -> dict[str, float]:
    """Keeps what was found of a trial's file; gives its metrics.

    Args:
        folder: Of the trial.
        found: What `EXPORT` gave.
    """
    (folder / REPORT).write_text(json.dumps(found), encoding="utf-8")
    return {name: float(found[name]) for name in METRICS if name in found}


def exported(folder: Path) -> File:
    """Gives a trial's export folder and what was found of it.

    Raises:
        FileNotFoundError: If they are gone.
    """
    return folder / FOLDER, json.loads((folder / REPORT).read_text(encoding="utf-8"))
