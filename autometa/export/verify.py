"""Compares a file with its source, and measures it in a process of its own."""

from __future__ import annotations

import gzip
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autometa.errors import NotApplicable
from autometa.export import probe
from autometa.modelfolder import Predictor
from autometa.onnxgraph.feeds import OnnxFile
from autometa.onnxgraph.nodes import Nodes
from autometa.onnxgraph.parity import TOLERANCE, difference

if TYPE_CHECKING:
    from autometa.images import Rows

N_CALLS = 200
N_ALONE = 16  # rows that are also asked for one by one
_MEASURED = ("latency_ms", "latency_p99_ms", "load_ms", "memory_mib", "reference_ms")
_PROBE_SECONDS = 60.0


def compare(predictor: Predictor, file: OnnxFile, raw: Rows) -> float:
    """Gives how far file and source are apart, see `difference`, on raw rows or images.

    Raises:
        NotApplicable: If they are more than `TOLERANCE` apart, or a label is another one where
            the probabilities leave no doubt.
    """
    expected = predictor.average(predictor.canonical(raw))
    got = file.run(feeds := file.feeds(raw))
    name = "value" if "value" in got else "probabilities"
    apart = difference(expected, got[name])
    if apart > TOLERANCE:
        raise NotApplicable(f"the file differs from its source by {apart:.3g}")
    _check_alone(file, feeds, got[name])
    if "label" in got:
        best = np.sort(expected, axis=1)[:, -2:]
        is_sure = best[:, 1] - best[:, 0] > 2 * TOLERANCE
        labels = np.asarray(predictor.labels, dtype=object)[expected.argmax(axis=1)]
        if (labels != got["label"].astype(object))[is_sure].any():
            raise NotApplicable("the file gives other labels than its source")
    return apart


def _check_alone(file: OnnxFile, feeds: Mapping[str, Any], answers: np.ndarray[Any, Any]) -> None:
    """Checks that a device, which asks for one row, gets what many rows at once got."""
    for row in np.unique(np.linspace(0, len(answers) - 1, N_ALONE).astype(int)).tolist():
        found = file.run({name: values[[row]] for name, values in feeds.items()})
        alone = found["value" if "value" in found else "probabilities"]
        is_value = "value" in found
        apart = difference(answers[row] if is_value else answers[[row]], alone)
        if apart > TOLERANCE:
            raise NotApplicable(
                f"the answer of a row depends on the rows beside it, by {apart:.3g}"
            )


def measure(path: Path, feeds: Mapping[str, Any]) -> dict[str, Any]:
    """Measures a file as it will run: alone with numpy and onnxruntime, on one thread.

    Args:
        path: Of the file.
        feeds: Inputs of a few rows, as `OnnxFile.feeds` gives them.

    Returns:
        What `probe.main` gives.

    Raises:
        NotApplicable: If a number is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        reference, rows = Path(folder) / "reference.onnx", Path(folder) / "rows.npz"
        nodes = Nodes()
        nodes.add("Identity", ["x"], outputs=["y"])
        model = nodes.to_model([("x", "float")], [("y", "float", 1)], {})
        reference.write_bytes(model.SerializeToString())
        arrays = {
            str(index): values.astype(str) if values.dtype == object else values
            for index, values in enumerate(feeds.values())
        }
        np.savez(rows, names=np.array(list(feeds), dtype=str), **arrays)
        command = [
            sys.executable,
            "-I",
            probe.__file__,
            *map(str, (path, reference, rows, N_CALLS)),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - our own script, files of our own
                command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True
            )
            found: dict[str, Any] = json.loads(done.stdout)
        except (subprocess.SubprocessError, ValueError) as exc:
            reason = (getattr(exc, "stderr", "") or str(exc)).strip().splitlines()[-1]
            raise NotApplicable(f"the file could not be measured: {reason}") from exc
    lacking = [key for key in _MEASURED if not math.isfinite(found.get(key, math.nan))]
    if lacking:
        raise NotApplicable(f"the file was measured without {', '.join(lacking)}")
    return found


def sizes(path: Path) -> dict[str, float]:
    """Gives ``size_kib`` and ``gzip_kib`` of a file."""
    data = path.read_bytes()
    return {"size_kib": len(data) / 1024, "gzip_kib": len(gzip.compress(data)) / 1024}
