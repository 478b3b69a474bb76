"""Every fault that the contract numbers has a test which carries its number."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAST = 95
_NAME = re.compile(r"def test_faults?_(\d+(?:_(?:and_|to_)?\d+)*)_|\"faults? (\d+)\b")


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for name, mark in _NAME.findall(text):
        numbers = [int(part) for part in re.findall(r"\d+", name or mark)]
        found.update(range(numbers[0], numbers[-1] + 1) if "_to_" in name else numbers)
    return found


def test_every_fault_has_a_test_of_its_number() -> None:
    files = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")]
    others = [path for path in files if path != Path(__file__)]  # what stands below is no test
    tested = set().union(*(_numbers(path.read_text(encoding="utf-8")) for path in others))
    assert sorted(set(range(1, LAST + 1)) - tested) == []


def test_numbers_are_read_from_names_and_marks() -> None:
    assert _numbers("def test_faults_41_to_44_are_told(") == {41, 42, 43, 44}
    assert _numbers("def test_faults_14_15_21_are_told(") == {14, 15, 21}
    assert _numbers('id="fault 6"') == {6}
    assert _numbers("# what fault 6 is about") == set()
