"""How fast this machine is, so that CPU seconds of another one can be compared."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import numpy as np

from autometa.meta.record import Machine

_REPEATS = 3


def measure_machine() -> Machine:
    """Times a fixed piece of arithmetic; takes some hundredths of a CPU second.

    The least of three repeats counts, since whatever disturbs a measurement makes it longer.
    """
    seconds = min(_timed_workload() for _ in range(_REPEATS))
    return Machine(processor_name(), round(seconds, 6))


def _timed_workload() -> float:
    """Gives the CPU seconds of a mix of what fits consist of: products, sorts, plain Python."""
    start = time.process_time()
    matrix = np.linspace(0.0, 1.0, 150 * 150).reshape(150, 150)
    for _ in range(10):
        matrix = np.sort(matrix @ matrix.T, axis=0)
        matrix /= matrix.max()
    total = 0
    for i in range(100_000):
        total += i % 7
    return time.process_time() - start


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Gives the processor's name as the system tells it, at least its architecture."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
