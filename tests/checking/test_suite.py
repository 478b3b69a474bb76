"""All checks together: silent on sound tables, the same every time, cheap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from autometa.checking.finding import Finding, Severity, lines, tags
from autometa.checking.suite import CHECKS


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
@pytest.mark.parametrize("seed", range(3))
def test_sound_tables_raise_no_alarm(checked, name: str, seed: int) -> None:
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    found = _all(checked, frame, target="target", seed=seed)
    assert lines(found) == []


def _all(checked, frame: pd.DataFrame, **options) -> list[Finding]:
    return list(checked(frame, **options).values())


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_made_table_raises_no_alarm(checked, clean, problem: str) -> None:
    assert _all(checked, clean(problem=problem)) == []


def test_findings_are_the_same_for_the_same_seed(checked, clean) -> None:
    frame = pd.concat([clean(6000), clean(6000)[:500]], ignore_index=True)
    frame["copy"] = frame["y"]
    assert _all(checked, frame) == _all(checked, frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": ["u", "v", "u", "v"]}),
        pd.DataFrame(
            {"x": ["a few words here"] * 3 + ["some more words there"] * 3, "y": range(6)}
        ),
        pd.DataFrame({"x": [np.nan] * 30 + [1.0] * 30, "y": ["u", "v"] * 30}),
        pd.DataFrame({"x": [True, False] * 20, "y": [1.5, 2.5, 3.5, 4.5] * 10}),
    ],
    ids=["four rows", "texts", "gaps and one value", "one boolean"],
)
def test_poor_tables_are_checked_without_complaint(checked, frame: pd.DataFrame) -> None:
    assert all(finding.severity != "error" for finding in _all(checked, frame))


def test_findings_are_one_line_and_come_gravest_first(checked, clean) -> None:
    frame = clean(100)
    frame["copy\nof it"] = frame["y"]
    found = _all(checked, frame)
    assert [f.severity.rank for f in found] == sorted(f.severity.rank for f in found)
    assert all("\n" not in text for f in found for text in (f.line, f.message, f.advice))


def test_json_and_back_is_the_same() -> None:
    finding = Finding(
        check="a",
        severity=Severity.INFO,
        message="b",
        advice="c",
        columns=("d",),
        evidence={"e": 1},
    )
    assert Finding.from_json(finding.to_json()) == finding


def test_tags_count_and_hold_the_gravest_line_of_each_check() -> None:
    said = {"advice": "Do it.", "columns": (), "evidence": {}}
    found = [
        Finding(check="leak", severity=Severity.WARNING, message="First.", **said),
        Finding(check="leak", severity=Severity.WARNING, message="Second.", **said),
        Finding(check="small", severity=Severity.INFO, message="Third.", **said),
    ]
    assert tags(found) == {
        "autometa.checks": "2 warnings, 1 info",
        "autometa.checks.leak": "warning: First. Do it. (leak)",
    }
    assert tags([]) == {"autometa.checks": "nothing found"}


def test_checks_of_a_large_table_cost_half_a_second(cpu_seconds) -> None:
    from autometa.checking.suite import check_table
    from autometa.checking.table import CheckedTable
    from autometa.schema import read_table
    from autometa.split import SplitRequest, make_split

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(50_000, 99)), columns=[f"c{i}" for i in range(99)])
    frame["kind"] = rng.choice(list("abcdef"), 50_000)
    schema, X, _ = read_table(frame)
    y = (frame["c0"].to_numpy() + rng.normal(size=50_000) > 0).astype(np.int64)
    split, _ = make_split(SplitRequest(n_rows=50_000, labels=y, classes=("u", "v")))
    table = CheckedTable(X=X, y=y, split=split, schema=schema, classes=("u", "v"))
    assert check_table(table) == []
    assert cpu_seconds(lambda: check_table(table), 0.5) < 0.5


def test_every_check_says_what_it_finds() -> None:
    assert all((check.__doc__ or "").startswith(("Finds", "Tells")) for check in CHECKS)
