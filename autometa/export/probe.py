"""Measures a file in a process of its own: imports numpy, onnxruntime and the standard library.

Run as ``python -I probe.py FILE REFERENCE ROWS.npz CALLS``; prints one JSON object.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

ROUNDS = 5


def main(file: str, reference: str, rows: str, n_calls: int) -> dict[str, Any]:
    """Measures.

    Args:
        file: The file.
        reference: A file that does next to nothing, called in turn: what a call costs here.
        rows: Inputs of a few rows: array ``names``, and ``0``, ``1``, ... in their order, (n, ...).
        n_calls: Calls per round.

    Returns:
        ``latency_ms``: the least of the rounds' medians of single rows, so that other work of the
        machine counts least; ``latency_p99_ms`` of all calls, ``load_ms``, ``memory_mib``
        (peak of the process), ``reference_ms``, ``calls``.
    """
    started = time.perf_counter()
    session = _open(file)
    load_ms = 1000 * (time.perf_counter() - started)
    other = _open(reference)
    nothing = {"x": np.zeros((1, 1), dtype=np.float32)}
    feeds = _single_rows(rows)
    for feed in feeds[:20]:
        session.run(None, feed)
        other.run(None, nothing)
    medians, references, calls = [], [], []
    for _ in range(ROUNDS):
        own, empty = [], []
        for call in range(n_calls):
            own.append(_timed(session, feeds[call % len(feeds)]))
            empty.append(_timed(other, nothing))
        medians.append(statistics.median(own))
        references.append(statistics.median(empty))
        calls.extend(own)
    return {
        "latency_ms": min(medians),
        "latency_p99_ms": float(np.quantile(calls, 0.99)),
        "load_ms": load_ms,
        "memory_mib": _peak_memory_mib(),
        "reference_ms": min(references),
        "calls": len(calls),
        "n_threads": 1,
        "onnxruntime": onnxruntime.__version__,
    }


def _open(path: str) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _single_rows(path: str) -> list[dict[str, Any]]:
    with np.load(path, allow_pickle=False) as stored:
        names = stored["names"].tolist()
        columns = [stored[str(index)] for index in range(len(names))]
    # Texts are kept without pickle and given to onnxruntime as objects.
    columns = [column.astype(object) if column.dtype.kind == "U" else column for column in columns]
    return [
        {name: column[[row]] for name, column in zip(names, columns, strict=True)}
        for row in range(len(columns[0]))
    ]


def _timed(session: Any, feed: dict[str, Any]) -> float:
    started = time.perf_counter()
    session.run(None, feed)
    return 1000 * (time.perf_counter() - started)


def _peak_memory_mib() -> float:
    """Gives the peak of this process; the kernel's own count also has its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii").splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))))
