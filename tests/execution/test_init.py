import subprocess
import sys

import pytest

import autometa.execution


@pytest.mark.parametrize("name", autometa.execution.__all__)
def test_execution_gives_its_public_names(name: str) -> None:
    assert getattr(autometa.execution, name).__name__ == name


def test_execution_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Pool'"):
        _ = autometa.execution.Pool


def test_execution_imports_nothing_until_it_is_asked() -> None:
    code = "import sys, autometa.execution; print('autometa.execution.pool' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
