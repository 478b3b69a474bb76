from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from autometa.meta.machine import measure_machine
from autometa.meta.record import Machine

IDLE = Machine("any", 0.004)
"""The machine that promises in CPU seconds are made for: idle, its fixed workload takes 4 ms."""
REPEATS = 5

CpuSeconds = Callable[[Callable[[], object], float], float]


@pytest.fixture
def cpu_seconds() -> CpuSeconds:
    """Gives the CPU seconds of a call, as on an idle machine, the least of some repeats.

    CPU seconds grow several times when other processes crowd memory and caches; so each repeat is
    scaled by what a fixed workload takes just before it, and they end once one is below the limit.
    """

    def measure(call: Callable[[], object], limit: float) -> float:
        least = float("inf")
        for _ in range(REPEATS):
            scale = min(1.0, measure_machine().scale_to(IDLE))
            start = time.process_time()
            call()
            least = min(least, (time.process_time() - start) * scale)
            if least < limit:
                break
        return least

    return measure
