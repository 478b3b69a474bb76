from pathlib import Path

import pytest

import autometa
from autometa.execution.blame import blame, one_line, out_of_memory

CORE = str(Path(autometa.__file__).parent)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([(f"{CORE}/evaluate.py", 1, "evaluate")], "", id="ours-alone"),
        pytest.param(
            [
                (f"{CORE}/evaluate.py", 1, "evaluate"),
                ("/plugin/linear.py", 2, "Linear.fit"),
                ("/plugin/base.py", 3, "scale"),
                ("/lib/sklearn/linear.py", 4, "fit"),
            ],
            "in scale, /plugin/base.py:3",
            id="innermost-of-the-plugin",
        ),
        pytest.param(
            [
                ("/plugin/linear.py", 2, "Linear.fit"),
                (f"{CORE}/learner.py", 3, "report"),
                ("/plugin2/other.py", 4, "inner"),
            ],
            "in Linear.fit, /plugin/linear.py:2",
            id="folders-that-begin-alike",
        ),
        pytest.param(
            [("<frozen importlib._bootstrap>", 1, "_load"), ("/p/a.py", 9, "<module>")],
            "in <module>, /p/a.py:9",
            id="import",
        ),
    ],
)
def test_blame_names_the_line_of_the_plugin(
    frames: list[tuple[str, int, str]], expected: str
) -> None:
    assert blame(frames) == expected


def test_one_line_folds_and_cuts() -> None:
    assert one_line("  a\n\tb  ") == "a b"
    assert one_line("x" * 500) == "x" * 500
    assert one_line("x" * 501) == "x" * 497 + "..."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("terminate called after throwing an instance of 'std::bad_alloc'", True),
        ("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes", True),
        ("Unable to allocate 7.45 GiB of memory", True),
        ("cannot allocate three folds to one group", False),
        ("", False),
    ],
)
def test_out_of_memory_reads_what_native_code_says(text: str, expected: bool) -> None:
    assert out_of_memory(text) is expected
