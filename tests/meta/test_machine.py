from __future__ import annotations

import time
from pathlib import Path

import pytest

from autometa.meta.machine import measure_machine, processor_name


def test_machine_is_measured_quickly_and_alike() -> None:
    start = time.process_time()
    first, second = measure_machine(), measure_machine()
    assert time.process_time() - start < 1.0
    assert first.processor == second.processor == processor_name()
    assert 0.05 < first.scale_to(second) < 20.0


@pytest.mark.parametrize(
    ("content", "expected"), [("flags: x\nmodel name\t: Quick 3000\n", "Quick 3000")]
)
def test_processor_name_is_read(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "cpuinfo").write_text(content)
    assert processor_name(tmp_path / "cpuinfo") == expected
    assert processor_name(tmp_path / "none")
