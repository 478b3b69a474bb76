"""What a page is made of, without a search."""

from __future__ import annotations

import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from autometa.measure import find_metric
from autometa.report import evidence, figures, page
from autometa.report.job import write_report
from autometa.report.page import Section
from autometa.report.search_sections import params_text
from autometa.split import Split

from .conftest import Reader


def test_logarithmic_axis_has_plain_numbers() -> None:
    with figures.drawing() as (axes, drawn):
        axes.plot([0, 1], [1, 1000], "o")
        figures.logarithmic(axes)
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn[0])
    assert {"1", "100", "1000"} <= set(texts)
    assert "mathdefault" not in drawn[0]


def test_job_gives_up_when_its_input_does_not_come(tmp_path: Path) -> None:
    payload = {
        "input": str(tmp_path / "never"),
        "output": "",
        "figures": None,
        "seconds": 1,
        "early": None,
    }
    with pytest.raises(TimeoutError, match="never did not come"):
        write_report(payload, time.monotonic())


class OnlyA:
    """Predicts with column a alone."""

    def average(self, X: pd.DataFrame) -> np.ndarray[Any, Any]:
        return X["a"].to_numpy(dtype=float)


def make_evidence(predictor: Any) -> evidence.Evidence:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=200), "b": pd.Categorical(["x", "y"] * 100)})
    prepared = type(
        "P", (), {"X": X, "split": Split("holdout", np.full(200, -2)), "n_classes": None}
    )
    y = X["a"].to_numpy()
    return evidence.Evidence(prepared, np.arange(200), y, y.copy(), predictor)  # type: ignore[arg-type]


def test_permutation_finds_the_column_that_is_used() -> None:
    found = evidence.permutation(make_evidence(OnlyA()), find_metric("mse"), time.monotonic() + 30)
    assert found is not None
    assert list(found.names) == ["a", "b"]
    # The mean squared distance of two independent normal values is 2.
    assert found.means[0] == pytest.approx(2.0, abs=0.4)
    assert found.means[1] == 0.0
    assert (found.n_rows, found.n_repeats, found.n_left_out) == (200, 5, 0)


def test_permutation_finds_the_column_of_a_table_sorted_by_its_target() -> None:
    n = 4 * evidence.PERMUTED_ROWS
    y = np.repeat([0.0, 1.0], n // 2)
    prepared = SimpleNamespace(X=pd.DataFrame({"a": y}), n_classes=None)
    sorted_rows = evidence.Evidence(prepared, np.arange(n), y, y.copy(), OnlyA())  # type: ignore[arg-type]
    found = evidence.permutation(sorted_rows, find_metric("mse"), time.monotonic() + 30)
    assert found is not None
    assert found.n_rows == evidence.PERMUTED_ROWS
    assert found.means[0] == pytest.approx(0.5, abs=0.1)  # half of the values meet the other one


class SlowA(OnlyA):
    """Takes a millisecond per row, as a large ensemble may."""

    def average(self, X: pd.DataFrame) -> np.ndarray[Any, Any]:
        time.sleep(len(X) / 1000)
        return super().average(X)


def test_permutation_of_a_slow_model_ends_in_time() -> None:
    slow = make_evidence(SlowA())
    one_column = len(slow.rows) / 1000
    started = time.monotonic()
    found = evidence.permutation(slow, find_metric("mse"), started + 1.5 * one_column)
    assert found is not None
    assert (list(found.names), found.n_left_out) == (["a"], 1)
    assert time.monotonic() - started < 2 * one_column + 0.2


def test_permutation_needs_unseen_rows_and_time() -> None:
    metric = find_metric("mse")
    assert evidence.permutation(make_evidence(None), metric, time.monotonic() + 30) is None
    assert evidence.permutation(make_evidence(OnlyA()), metric, 0.0) is None


def test_figures_are_xml_whatever_names_hold() -> None:
    svg = figures.bars(["$a_1$ < b", "x" * 90, "\x00\u5b57"], [1.0, 2.0, 3.0], "share & more")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "$a_1$ &lt; b" in svg


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.1235"),
        (12345, "12,345"),
        (None, "-"),
        (float("nan"), "-"),
        ("<a>", "&lt;a&gt;"),
    ],
    ids=["float", "int", "none", "nan", "text"],
)
def test_number_is_for_people(value: object, shown: str) -> None:
    assert page.number(value) == shown


def test_empty_sections_are_left_out() -> None:
    text = page.page("t", [], [Section("Empty", ()), Section("Full", ["<p>x</p>"])])
    assert Reader(text).headings == ["Full"]


def test_labels_that_begin_alike_keep_their_ends() -> None:
    names = [f"species number {i:02d}" for i in range(3)]
    assert figures.labels(names, 14) == ["spec…number 00", "spec…number 01", "spec…number 02"]
    assert figures.labels(["cat", "a very long label indeed"], 14) == ["cat", "a very long l…"]


def test_trial_numbers_are_whole() -> None:
    with figures.drawing() as (axes, _):
        axes.plot([0, 1], [1.0, 2.0])
        figures.of_trials(axes)
        shown = [tick for tick in axes.get_xticks() if 0 <= tick <= 1]
    assert shown == [0, 1]


def test_steps_that_are_not_taken_are_not_shown() -> None:
    params = {"learner": "cnn", "compress.prune": "none", "compress.export": "to_onnx"}
    assert params_text({**params, "cnn.width": 16}) == "compress.export = to_onnx, width = 16"
    assert params_text({"learner": "ridge", "compress.prune.a+b": "none"}) == "-"


def test_long_configurations_are_clipped_on_a_screen_and_whole_when_pointed_at() -> None:
    reader = Reader(page.clipped("depth = 3, name = &quot;a&quot;"))
    assert reader.shown == 'depth = 3, name = "a"'
    assert 'title="depth = 3, name = &quot;a&quot;"' in page.clipped(
        "depth = 3, name = &quot;a&quot;"
    )
